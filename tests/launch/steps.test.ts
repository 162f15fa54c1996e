/** Each operation of launch does what src/linux/plan/ops.ts says. Run as root; everything happens in own namespaces. */
import { beforeAll, expect, test } from "bun:test";
import { closeSync, mkdirSync, openSync, readFileSync, readSync, rmdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import { cgroupRoot } from "../../src/linux/cgroup.ts";
import { sealedMemory } from "../../src/linux/memfd.ts";
import { encodePlan } from "../../src/linux/plan/encode.ts";
import { type Step, step } from "../../src/linux/plan/step.ts";
import { receiveDescriptor, socketPair } from "../../src/linux/socket.ts";
import { runPlan, type SpawnOptions } from "../../src/linux/spawn.ts";
import {
  buildDirectory,
  buildLaunch,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUTS,
  MS_BIND,
  ownMounts,
  shell,
} from "./fixture.ts";

beforeAll(buildLaunch);

const none = new Uint8Array();
const numbers = (...list: number[]) => new Uint8Array(new Uint32Array(list).buffer);
const O_WRONLY_CREAT = 0o101;
const O_CREAT = 0o100;

async function output(steps: readonly Step[], options: SpawnOptions = {}): Promise<string> {
  const result = await runPlan(steps, { ...options, stdout: "pipe" });
  expect(result.status).toBe(0);
  return result.output.trim();
}

test("unshare, set_hostname and set_domainname name only the new namespace", async () => {
  const before = await output([shell("hostname")]);
  const names = [
    step("unshare", { flags: CLONE_NEWUTS }),
    step("set_hostname", { name: "lab" }),
    step("set_domainname", { name: "example.org" }),
  ];
  expect(await output([...names, shell("hostname; cat /proc/sys/kernel/domainname")])).toBe("lab\nexample.org");
  expect(await output([shell("hostname")])).toBe(before);
});

test("a tree is built, entered with pivot_root, and holds nothing of the old one", async () => {
  const steps = [
    ...ownMounts,
    step("mkdir", { path: "/mnt/usr", mode: 0o755 }),
    step("mkdir", { path: "/mnt/usr", mode: 0o700 }),
    step("clone_tree", { slot: 3, path: "/usr", recursive: true }),
    step("mkdir", { path: "/mnt/etc", mode: 0o1777 }),
    step("umask", { mask: 0o77 }),
    step("mknod", { path: "/mnt/null", mode: 0o20666, device: 0x103 }),
    step("write", { path: "/mnt/etc/motd", text: "hello\n", flags: 0o100, mode: 0o644 }),
    ...["bin", "lib", "lib64"].map((name) => step("symlink", { target: `usr/${name}`, path: `/mnt/${name}` })),
    step("pivot_root", { directory: "/mnt" }),
    step("attach", { slot: 3, target: "/usr" }),
    shell("pwd; cat /etc/motd; stat -c '%a %t:%T' /null /etc /usr; echo /*; echo >/null"),
  ];
  expect((await output(steps)).split("\n")).toEqual([
    "/",
    "hello",
    "666 1:3",
    "1777 0:0",
    "755 0:0",
    "/bin /etc /lib /lib64 /null /usr",
  ]);
});

test("chroot, chdir and umount do what their names say", async () => {
  const steps = [
    ...ownMounts,
    step("mkdir", { path: "/mnt/deep", mode: 0o755 }),
    step("mount", { source: "two", target: "/mnt/deep", type: "tmpfs", flags: 0, data: "size=1m" }),
    step("mkdir", { path: "/mnt/deep/only", mode: 0o755 }),
    step("umount", { target: "/mnt/deep", flags: 0 }),
    step("mount", { source: "/usr/share", target: "/mnt/deep", type: "", flags: MS_BIND, data: "" }),
    step("chdir", { directory: "/mnt/deep" }),
    shell("test -d doc && test ! -e only && pwd"),
  ];
  expect(await output(steps)).toBe("/mnt/deep");
  await expect(runPlan([step("chroot", { directory: "/etc" }), shell("true")])).rejects.toThrow(
    "no such file or directory",
  );
});

test("namespaces are pinned to files from inside, and entered again through them", async () => {
  const inside = [
    ...ownMounts,
    step("write", { path: "/mnt/pin", text: "", flags: 0o100, mode: 0o600 }),
    step("open", { slot: 0, path: "/proc/self/ns/mnt", flags: 0 }),
    step("unshare", { flags: CLONE_NEWNS | CLONE_NEWUTS }),
    step("set_hostname", { name: "pinned" }),
    step("open", { slot: 1, path: "/proc/self/ns/mnt", flags: 0 }),
    step("open", { slot: 2, path: "/proc/self/ns/uts", flags: 0 }),
    step("mount", { source: "guest", target: "/mnt", type: "tmpfs", flags: 0, data: "" }),
    step("write", { path: "/mnt/guest", text: "", flags: 0o100, mode: 0o600 }),
    step("setns", { slot: 0, type: CLONE_NEWNS }),
    step("bind", { slot: 1, target: "/mnt/pin" }),
    step("unshare", { flags: CLONE_NEWUTS }),
    step("set_hostname", { name: "elsewhere" }),
  ];
  expect(await output([...inside, shell("ls /mnt; stat -f -c %T /mnt/pin; hostname")])).toBe("pin\nnsfs\nelsewhere");
  const back = [
    step("open", { slot: 4, path: "/mnt/pin", flags: 0 }),
    step("setns", { slot: 4, type: CLONE_NEWNS }),
    step("setns", { slot: 2, type: CLONE_NEWUTS }),
  ];
  expect(await output([...inside, ...back, shell("ls /mnt; hostname")])).toBe("guest\npinned");
});

test("limits, niceness, umask and death signal are set", async () => {
  const steps = [
    step("rlimit", { resource: 7, soft: 64, hard: 128 }),
    step("rlimit", { resource: 7, soft: -2, hard: 100 }),
    step("rlimit", { resource: 4, soft: -1, hard: -2 }),
    step("nice", { increment: 4 }),
    step("umask", { mask: 0o27 }),
    step("pdeathsig", { signal: 15 }),
    shell("ulimit -n; ulimit -Hn; ulimit -c; nice; umask"),
  ];
  const niceness = await output([shell("nice")]);
  expect((await output(steps)).split("\n")).toEqual(["64", "100", "unlimited", String(Number(niceness) + 4), "0027"]);
});

test("capabilities only shrink, in every set", async () => {
  const chown = 1n;
  const steps = [
    step("bounding", { mask: 0b111n }),
    step("capabilities", { effective: chown, permitted: 0b11n, inheritable: -1n }),
    shell("grep -E '^(Cap|NoNew)' /proc/self/status"),
  ];
  const sets = Object.fromEntries((await output(steps)).split("\n").map((line) => line.split(":\t")));
  // Root's exec fills permitted and effective from the bounding set again.
  expect(sets).toMatchObject({
    CapBnd: "0000000000000007",
    CapPrm: "0000000000000007",
    CapAmb: "0000000000000000",
    NoNewPrivs: "0",
  });
  expect(await output([step("no_new_privs", {}), shell("grep NoNew /proc/self/status")])).toBe("NoNewPrivs:\t1");
  const lost = [
    step("capabilities", { effective: 0, permitted: 0, inheritable: 0 }),
    step("set_hostname", { name: "x" }),
  ];
  await expect(runPlan(lost)).rejects.toThrow("operation not permitted");
});

test("groups and user leave nothing of root", async () => {
  const steps = [
    step("groups", { ids: numbers(7, 9) }),
    step("user", { uid: 65534, gid: 65533 }),
    shell("id -u; id -g; id -G; grep CapEff /proc/self/status"),
  ];
  expect(await output(steps)).toBe("65534\n65533\n65533 7 9\nCapEff:\t0000000000000000");
  const alone = [step("groups", { ids: none }), step("user", { uid: 65534, gid: 65534 }), shell("id -G")];
  expect(await output(alone)).toBe("65534");
});

const accounts = [
  ...ownMounts,
  step("mkdir", { path: "/mnt/etc", mode: 0o755 }),
  step("write", {
    path: "/mnt/etc/passwd",
    text: "ann:x:1200:1300:Ann:/home/ann:\nbob:x:1:1::/:/bin/sh\n",
    flags: 0o100,
    mode: 0o644,
  }),
  step("write", {
    path: "/mnt/etc/group",
    text: "ann:x:1300:\nwheel:x:10:bob,ann\naudio:x:29:annie\n",
    flags: 0o100,
    mode: 0o644,
  }),
  step("mount", { source: "/mnt/etc", target: "/etc", type: "", flags: MS_BIND, data: "" }),
];

test("login takes the user from the root it is in", async () => {
  const variables = ["PATH=/usr/bin:/bin", "HOME=/root"];
  const steps = [...accounts, step("environment", { variables }), step("login", { name: "ann" })];
  expect(await output([...steps, shell("id -u; id -G; echo $HOME $USER $LOGNAME $SHELL")])).toBe(
    "1200\n1300 10\n/home/ann ann ann /bin/sh",
  );
  const nobody = [
    ...accounts,
    step("login", { name: "annie" }, { object: "vserver web1", attempt: "log in as annie" }),
  ];
  await expect(runPlan(nobody)).rejects.toThrow("vserver web1: cannot log in as annie: no such user");
});

test("login is not held up by a FIFO in the place of the accounts", async () => {
  const steps = [
    ...ownMounts,
    step("mknod", { path: "/mnt/passwd", mode: 0o10644, device: 0 }),
    step("mount", { source: "/mnt", target: "/etc", type: "", flags: MS_BIND, data: "" }),
    step("login", { name: "root" }),
  ];
  await expect(runPlan(steps)).rejects.toThrow("invalid argument");
});

test("close_from closes all but what is listed, slots too", async () => {
  const list = shell("cd /proc/self/fd && echo *");
  const descriptors = [5, 6, 7].map(() => openSync("/dev/null", "r"));
  const kept = [step("close_from", { from: 3, keep: numbers(6) }), list];
  // 3 is the shell's own view of the directory.
  expect(await output(kept, { descriptors })).toBe("0 1 2 3 6");
  const slots = [
    step("open", { slot: 0, path: "/proc/self/ns/uts", flags: 0 }),
    step("close_from", { from: 3, keep: none }),
  ];
  for (const descriptor of descriptors) closeSync(descriptor);
  await expect(runPlan([...slots, step("setns", { slot: 0, type: 0 })])).rejects.toThrow("bad file descriptor");
});

test("signals are default and unblocked, but those to stay ignored", async () => {
  const steps = [step("signals", { ignored: 1n << 12n }), shell("grep -E 'Sig(Blk|Ign)' /proc/self/status")];
  expect(await output(steps)).toBe("SigBlk:\t0000000000000000\nSigIgn:\t0000000000001000");
});

test("setsid and keyring begin a new session", async () => {
  const steps = [step("detach", {}), step("setsid", {}), step("keyring", {}, "ignore")];
  const line = "sed -E 's/.*\\) . [0-9]+ ([0-9]+) ([0-9]+) .*/\\1 \\2/' /proc/$$/stat; echo $$";
  const [pair, own] = (await output([...steps, shell(line)])).split("\n");
  expect(pair).toBe(`${own} ${own}`);
});

test("the environment is replaced, set and unset byte for byte", async () => {
  const steps = [
    step("environment", { variables: ["PATH=/usr/bin:/bin", new Uint8Array([0x41, 0x3d, 0xff]), "B=1"] }),
    step("setenv", { name: "C", value: "c d" }),
    step("unsetenv", { name: "B" }),
    step("exec", { file: "sh", arguments: ["sh", "-c", "env | sort | od -An -c"], append: false }),
  ];
  expect(await output(steps)).toContain("A   = 377");
  expect(await output(steps)).toContain("C   =   c       d");
  expect(
    await output([
      step("environment", { variables: [] }),
      step("exec", { file: "env", arguments: ["env"], append: false }),
    ]),
  ).toBe("");
});

test("exec looks in PATH, appends words, and gives a text without interpreter to the shell", async () => {
  const echo = step("exec", { file: "", arguments: ["echo", "a"], append: true });
  expect(await output([echo], { words: ["b c", ""] })).toBe("a b c");
  const script = [
    ...ownMounts,
    step("write", { path: "/mnt/script", text: "echo $0 $1\n", flags: 0o100, mode: 0o755 }),
    step("setenv", { name: "PATH", value: "/nonexistent:/mnt" }),
    step("exec", { file: "script", arguments: ["script", "x"], append: false }),
  ];
  expect(await output(script)).toBe("/mnt/script x");
});

test("exec says why there is nothing to execute", async () => {
  const run = (file: string, path = "/bin") => [
    step("setenv", { name: "PATH", value: path }),
    step("exec", { file, arguments: ["x"], append: false }, { object: "chcontext", attempt: `execute ${file}` }),
  ];
  await expect(runPlan(run("nonesuch"))).rejects.toThrow(
    "chcontext: cannot execute nonesuch: no such file or directory",
  );
  await expect(runPlan(run("group", "/etc:/bin"))).rejects.toThrow("permission denied");
  await expect(runPlan(run("/etc"))).rejects.toThrow("permission denied");
});

test("{xid} stands for the context in what is printed and written", async () => {
  const steps = [
    ...ownMounts,
    step("open", { slot: 0, path: "/mnt/state", flags: O_WRONLY_CREAT }),
    step("write_slot", { slot: 0, text: "xid={xid}\n" }),
    step("print", { descriptor: 1, text: "New security context is {xid}, {xid}!\n" }),
    shell("cat /mnt/state"),
  ];
  expect(await output(steps)).toBe("New security context is 0, 0!\nxid=0");
});

test("a pty gives the program its own terminal and the caller the master", async () => {
  const [ours, theirs] = socketPair();
  const devpts = step("mount", {
    source: "devpts",
    target: "/dev/pts",
    type: "devpts",
    flags: 0,
    data: "newinstance,ptmxmode=666",
  });
  const ptmx = step("mount", { source: "/dev/pts/ptmx", target: "/dev/ptmx", type: "", flags: MS_BIND, data: "" });
  const program = shell("tty; ps -o tty= -p $$; read line; echo got $line");
  const running = runPlan([...ownMounts, devpts, ptmx, step("detach", {}), step("pty", { socket: 5 }), program], {
    descriptors: [theirs],
  });
  closeSync(theirs);
  expect((await running).status).toBe(0);
  const master = receiveDescriptor(ours) ?? -1;
  expect(receiveDescriptor(ours)).toBeUndefined();
  writeSync(master, "hello\n");
  let seen = "";
  const buffer = new Uint8Array(256);
  while (!seen.includes("got hello")) seen += new TextDecoder().decode(buffer.subarray(0, readSync(master, buffer)));
  expect(seen).toContain("/dev/pts/0\r\n");
  expect(seen).toMatch(/^pts\/0\r$/m);
  closeSync(master);
  closeSync(ours);
});

test("process 1 of a PID namespace is waited for, and its end is ours", async () => {
  const inside = [step("unshare", { flags: CLONE_NEWPID }), step("fork_wait", {})];
  expect(await output([...inside, shell("echo $$")])).toBe("1");
  expect((await runPlan([...inside, shell("exit 9")])).status).toBe(9);
  expect((await runPlan([step("fork_wait", {}), shell("kill -TERM $$")])).status).toBe(128 + 15);
});

test("mount_namespace: wherever the caller's own was made, the new one can be pinned in it", async () => {
  const steps = [
    step("open", { slot: 0, path: "/proc/self/ns/mnt", flags: 0 }),
    step("mount", { source: "scratch", target: "/mnt", type: "tmpfs", flags: 0, data: "" }),
    step("write", { path: "/mnt/pin", text: "", flags: O_CREAT, mode: 0o600 }),
    step("mount_namespace", {}),
    step("open", { slot: 1, path: "/proc/self/ns/mnt", flags: 0 }),
    step("setns", { slot: 0, type: CLONE_NEWNS }),
    step("bind", { slot: 1, target: "/mnt/pin" }, { object: "pin", attempt: "bind it" }),
    shell("stat -f -c %T /mnt/pin; sed -n 's/^Cpus_allowed_list:.//p' /proc/self/status"),
  ];
  const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  const processors = allowed.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
  for (const processor of processors) {
    const plan = sealedMemory("plan", encodePlan({ steps, exitStatus: 9 }));
    const outer = ["taskset", "-c", `${processor}`, "unshare", "--mount", "--propagation", "private"];
    const child = Bun.spawn([...outer, "taskset", "-c", allowed, join(buildDirectory, "launch"), "3"], {
      stdio: ["ignore", "pipe", "inherit", plan],
    });
    expect(await new Response(child.stdout as ReadableStream).text()).toBe(`nsfs\n${allowed}\n`);
    expect(await child.exited).toBe(0);
    closeSync(plan);
  }
});

test("fork_into: the child of the next fork is born in the control group, its parent stays where it was", async () => {
  const group = join(cgroupRoot(), `launch-test-${process.pid}`);
  mkdirSync(group);
  try {
    const line = "sed -n s/^0:://p /proc/self/cgroup /proc/$PPID/cgroup";
    const open = step("open", { slot: 1, path: group, flags: 0 });
    const steps = [open, step("fork_into", { slot: 1 }), step("fork_wait", {}), shell(line)];
    const [child, parent] = (await output(steps)).split("\n");
    expect(child).toEndWith(`/launch-test-${process.pid}`);
    expect(parent).not.toContain("launch-test");
  } finally {
    rmdirSync(group);
  }
  await expect(runPlan([step("fork_into", { slot: 1 }), step("fork_wait", {}), shell("true")])).rejects.toThrow(
    "bad file descriptor",
  );
});

test("fork_wait passes a signal on", async () => {
  let pid = 0;
  const line = "trap 'echo got it; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
  const running = runPlan([step("fork_wait", {}), shell(line)], {
    stdout: "pipe",
    started: (child) => {
      pid = child;
      setTimeout(() => process.kill(pid, "SIGTERM"), 200);
    },
  });
  expect(await running).toEqual({ status: 3, output: "ready\ngot it\n" });
});

test("detach returns when the program runs, and fails when it does not", async () => {
  const begun = performance.now();
  expect((await runPlan([step("detach", {}), shell("exec sleep 3")], { stdout: "ignore" })).status).toBe(0);
  expect(performance.now() - begun).toBeLessThan(2000);
  const missing = step(
    "exec",
    { file: "/nonexistent", arguments: ["x"], append: false },
    { object: "web1", attempt: "start" },
  );
  await expect(runPlan([step("detach", {}), missing])).rejects.toThrow("web1: cannot start: no such file or directory");
});

test("a failure is reported with its step's sentence and the way out for its errno, or ignored", async () => {
  const wayOut = { ENOENT: "make it first", default: "look" };
  const failure = { object: "vserver web1", attempt: "enter /nonexistent", wayOut };
  const fail = step("chdir", { directory: "/nonexistent" }, failure);
  await expect(runPlan([shell("true"), fail])).resolves.toEqual({ status: 0, output: "" });
  await expect(runPlan([fail, shell("true")])).rejects.toThrow(
    "vserver web1: cannot enter /nonexistent: no such file or directory; make it first",
  );
  await expect(runPlan([step("chdir", { directory: "/etc/passwd" }, failure)])).rejects.toThrow(
    "not a directory; look",
  );
  expect(await output([step("chdir", { directory: "/nonexistent" }, "ignore"), shell("echo on")])).toBe("on");
});

test("kill signals the process it names, and a process that is gone is a failure", async () => {
  const sleeper = Bun.spawn(["sleep", "60"]);
  const kill = (pid: number) => runPlan([step("kill", { pid, signal: 15 }, { object: "kill", attempt: "signal it" })]);
  expect((await kill(sleeper.pid)).status).toBe(0);
  await sleeper.exited;
  expect(sleeper.signalCode).toBe("SIGTERM");
  expect(kill(sleeper.pid)).rejects.toThrow("kill: cannot signal it: no such process");
});
