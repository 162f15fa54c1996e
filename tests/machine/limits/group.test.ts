/** Limits by control group: set at the start, hit, changed while the server runs, kept, and not to be lifted from inside. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { parts, type } from "../shell.ts";
import { makeServer, removeServer } from "./place.ts";

const group = (file: string) => readFileSync(`/sys/fs/cgroup/vserver-lim/${file}`, "utf8").trim();
const conf = [
  "S_CONTEXT=720",
  ...["MEMORY=64M", "MEMORY_HIGH=60M", "SWAP=1M", "NPROC=40", "CPU_MAX=150%", "CPUSET=0-1", "CPU_WEIGHT=50"],
  ...["IO_READ=50M", "IO_WRITE='vda=20M'", "IO_WRITE_OPS=500"],
].join("\n");

beforeAll(async () => {
  await makeServer("lim", conf);
  expect(await type("vserver --silent lim start")).toMatchObject({ status: 0 });
}, 240_000);
afterAll(async () => {
  await removeServer("lim");
});

interface Row {
  readonly key: string;
  readonly limit: string | null;
  readonly used: number | null;
  readonly hits: number | null;
}
async function limits(): Promise<Readonly<Record<string, Row>>> {
  const { output } = await type("vlimit --json lim");
  return Object.fromEntries((JSON.parse(output) as Row[]).map((row) => [row.key, row]));
}

describe("a server that is started", () => {
  test("has every limit of its conf file in the kernel", () => {
    expect(group("memory.max")).toBe(String(64 * 1024 ** 2));
    expect(group("memory.high")).toBe(String(60 * 1024 ** 2));
    expect(group("memory.swap.max")).toBe(String(1024 ** 2));
    expect(group("pids.max")).toBe("40");
    expect(group("cpu.max")).toBe("150000 100000");
    expect(group("cpu.weight")).toBe("50");
    expect(group("cpuset.cpus.effective")).toBe("0-1");
    expect(group("io.max")).toMatch(/^\d+:0 rbps=52428800 wbps=20971520 riops=max wiops=500$/);
  });

  test("is shown with what it uses and what it may", async () => {
    const rows = await limits();
    expect(rows["MEMORY"]).toMatchObject({ limit: "64M", hits: 0 });
    expect(rows["MEMORY"]?.used).toBeGreaterThan(0);
    expect(rows["NPROC"]).toMatchObject({ limit: "40", used: 1, hits: 0 });
    expect(rows["CPU_MAX"]).toMatchObject({ limit: "150%" });
    expect(rows["IO_WRITE"]).toMatchObject({ limit: "vda=20M" });
    const { output } = await type("vlimit lim");
    expect(output).toMatch(/^LIMIT +USED +ALLOWED +HITS\nMEMORY +[\d.]+[KM] +64M +0\n/);
    expect(output).toMatch(/^NPROC +1 +40 +0$/m);
  });

  test("cannot lift them from inside, as root", async () => {
    const { output } = await type(`vserver lim exec sh -c '
      cat /proc/self/cgroup; ls /sys/fs/cgroup/memory.max
      echo max >/sys/fs/cgroup/memory.max && echo WROTE; echo max >/sys/fs/cgroup/pids.max && echo WROTE
      echo max >/sys/fs/cgroup/../memory.max && echo WROTE; echo 0 >/sys/fs/cgroup/../cgroup.procs && echo WROTE; true'`);
    expect(output).not.toContain("WROTE");
    expect(group("pids.max")).toBe("40");
  });
});

test("a fork bomb ends at NPROC, which is counted, and the main server forks on", async () => {
  const { output } = await type(`vserver lim exec sh -c 'for i in $(seq 60); do sleep 5 & done; wait' 2>&1 | tail -1
    echo == main; for i in $(seq 60); do sleep 1 & done; wait; echo forked`);
  expect(output).toMatch(/fork|Resource temporarily unavailable/);
  expect(parts(output)["main"]).toBe("forked");
  const { NPROC } = await limits();
  expect(NPROC?.hits).toBeGreaterThan(0);
});

test("a limit that was hit is logged once, however often it was hit, with the server's name", async () => {
  await type("vlimit --log");
  await type("for i in 1 2 3; do vserver lim exec sh -c 'for i in $(seq 60); do sleep 1 & done; wait'; done");
  const { output } = await type("vlimit --log");
  expect(output).toMatch(/^vserver lim: NPROC: its limit 40 was hit (\d+ times|once)$/m);
  expect(output.match(/NPROC/g)).toHaveLength(1);
  expect((await type("vlimit --log")).output).not.toContain("NPROC");
});

test("vserver-stat shows what every server uses of its limits, also for Prometheus", async () => {
  const { output } = await type("vserver-stat --limits; echo == prometheus; vserver-stat --prometheus");
  expect(output).toMatch(/^CTX +MEMORY +SWAP +NPROC +FILES .*NAME\n720 +\d+[kM]B\/64MB +\S+ +1\/40 +-.* lim\n/);
  const { prometheus } = parts(output);
  expect(prometheus).toContain("# TYPE vserver_limit_used gauge\n");
  expect(prometheus).toMatch(/^vserver_limit_used\{server="lim",limit="nproc"\} 1$/m);
  expect(prometheus).toMatch(/^vserver_limit_allowed\{server="lim",limit="memory"\} 67108864$/m);
  expect(prometheus).toMatch(/^vserver_limit_hits_total\{server="lim",limit="nproc"\} [1-9]\d*$/m);
  expect(prometheus).toMatch(/^vserver_cpu_seconds_total\{server="lim"\} [\d.]+$/m);
});

test("who takes more than MEMORY is killed, alone in its server", async () => {
  const { output } = await type(
    `vserver lim exec python3 -c 'x = bytearray(200 << 20); print("HAS IT")'; echo $?; echo == main; pgrep -c sleep; vserver lim running`,
  );
  expect(output).toContain("137\n");
  expect(output).not.toContain("HAS IT");
  expect(output).toContain("Server lim is running");
});

describe("vlimit", () => {
  test("changes a running server at once and its conf file only with --save", async () => {
    const before = readFileSync("/etc/vservers/lim.conf", "utf8");
    expect(await type("vlimit lim --nproc 30 --memory 80M --memory-high unlimited")).toEqual({ status: 0, output: "" });
    expect(group("pids.max")).toBe("30");
    expect(group("memory.max")).toBe(String(80 * 1024 ** 2));
    expect(group("memory.high")).toBe("max");
    expect(readFileSync("/etc/vservers/lim.conf", "utf8")).toBe(before);
    expect(await type("vlimit --save lim --nproc 35 --cpu-max unlimited")).toEqual({ status: 0, output: "" });
    expect(readFileSync("/etc/vservers/lim.conf", "utf8")).toBe(
      before.replace("NPROC=40", "NPROC=35").replace("CPU_MAX=150%", "CPU_MAX=unlimited"),
    );
    expect(await type("vserver --silent lim restart")).toMatchObject({ status: 0 });
    expect(group("pids.max")).toBe("35");
    expect(group("cpu.max")).toBe("max 100000");
    expect(group("memory.max")).toBe(String(64 * 1024 ** 2));
  }, 240_000);

  test("reports a limit that is below what is used: nothing more is had, nothing is lost", async () => {
    const { output } = await type(`
      vserver lim exec sh -c 'for i in 1 2 3 4 5 6; do sleep 15 & done; sleep 15' >/dev/null 2>&1 & many=$!; sleep 4
      echo == change; vlimit lim --nproc 3; echo $?
      echo == there; grep -c . /sys/fs/cgroup/vserver-lim/init/vserver-exec/cgroup.procs
      echo == more; vserver lim exec true; echo $?
      vlimit lim --nproc 35; kill $many; wait`);
    const seen = parts(output);
    expect(seen["change"]).toMatch(/^vlimit lim: NPROC: \d+ in use, over the new limit of 3: .*\n0$/);
    expect(Number(seen["there"])).toBeGreaterThan(6);
    expect(seen["more"]).not.toMatch(/^0$/);
  });

  test("reports what the kernel kills to get below a lower MEMORY", async () => {
    const { output } = await type(`
      vserver lim exec python3 -c 'x = bytearray(30 << 20); print("has it", flush=True); import time; time.sleep(60)' >held &
      until grep -q has held; do sleep 0.2; done
      echo == change; vlimit lim --memory-high unlimited --memory 24M; echo $?
      echo == again; vserver --silent lim stop; vserver --silent lim start; echo $?; rm held; wait`);
    const seen = parts(output);
    // The kernel keeps what it has killed so for two seconds.
    expect(seen["again"]).toMatch(/^0$/m);
    // The kernel goes on while the memory of the first is not free yet: the process of the boot may end as well.
    expect(seen["change"]).toMatch(/^vlimit lim: MEMORY: [12] of its processes were killed .*\n0$/m);
  });

  test("refuses what is wrong, and changes nothing then", async () => {
    for (const [words, said, status] of [
      ["lim --nproc none", /^vlimit: --nproc: "none" is not a number/, 2],
      ["lim --nproc 20 --cpuset 900", /^vserver lim: cannot set CPUSET to 900: /, 1],
      ["lim --save", /^vlimit: --save: no limit is given/, 2],
      ["nobody", /^vserver nobody: cannot read its limits: it is not running/, 1],
      ["nobody --nproc 5", /^vserver nobody: cannot set its limits: it is not running; add --save/, 1],
      [
        "lim --io-weight 200",
        /^vserver lim: cannot enforce its limit IO_WEIGHT: vda has neither the scheduler bfq/,
        69,
      ],
      ["lim --io-read nothing=1M", /^vserver lim: cannot set IO_READ: there is no disk nothing/, 1],
    ] as const) {
      const { output, status: found } = await type(`vlimit ${words}`);
      expect(output).toMatch(said);
      expect(found).toBe(status);
    }
    expect(group("cpuset.cpus.effective")).toBe("0-1");
  });

  test("an ordinary user is told that it is root's", async () => {
    const { output, status } = await type("vlimit lim", { user: "user" });
    expect(output).toBe("vserver lim: cannot read its limits: only root may; become root\n");
    expect(status).toBe(1);
  });
});

test("nor can root lift them where its own process 1 manages the groups below", async () => {
  await makeServer("limf", 'S_CONTEXT=734\nS_FLAGS="lock fakeinit"\nNPROC=40\nCPU_WEIGHT=20\nMEMORY=64M');
  const { output } = await type(`
    rm /vservers/limf/sbin; mkdir /vservers/limf/sbin
    printf '#!/bin/sh\\n[ $$ = 1 ] || { kill 1; exit; }\\ntrap exit TERM\\nsleep 100000 & wait\\n' >/vservers/limf/sbin/init; chmod 755 /vservers/limf/sbin/init
    vserver --silent limf start
    echo == inside; vserver limf exec sh -c 'cd /sys/fs/cgroup; mkdir mine && echo MADE
      for file in . ..; do for one in pids.max memory.max cpu.weight cpu.max cgroup.procs; do
        echo 10000 >$file/$one && echo WROTE $file/$one; done; done; rmdir mine'
    echo == outside; cat /sys/fs/cgroup/vserver-limf/pids.max /sys/fs/cgroup/vserver-limf/cpu.weight`);
  await removeServer("limf");
  const seen = parts(output);
  expect(seen["inside"]).toContain("MADE");
  expect(seen["inside"]).not.toContain("WROTE");
  expect(seen["outside"]).toBe("40\n20");
}, 240_000);

test("with the flag nproc the process limit of ULIMIT is the whole server's", async () => {
  const before = readFileSync("/etc/vservers/lim.conf", "utf8");
  await type("vserver --silent lim stop");
  writeFileSync(
    "/etc/vservers/lim.conf",
    `${before.replace(/^NPROC=.*$/m, "")}S_FLAGS="lock nproc"\nULIMIT="-HS -u 33"\n`,
  );
  const { output } = await type(`
    vserver --silent lim start; cat /sys/fs/cgroup/vserver-lim/pids.max
    vserver lim exec sh -c 'for i in $(seq 20); do sleep 3 & done; wait' & sleep 1
    vserver lim suexec nobody sh -c 'for i in $(seq 20); do sleep 3 & done; wait' 2>&1 | tail -n 1; wait`);
  expect(output).toMatch(/^33\n.*fork|Resource temporarily unavailable/);
  await type("vserver --silent lim stop");
  writeFileSync("/etc/vservers/lim.conf", before);
}, 240_000);

test("without a controller of cgroup v2 its limit is named, and a start refused unless LIMITS=optional", async () => {
  const { output } = await type(`
    vserver --silent lim stop; mkdir -p /mnt/v1
    for i in $(seq 50); do
      echo -pids >/sys/fs/cgroup/cgroup.subtree_control; mount -t cgroup -o pids pids /mnt/v1 2>/dev/null && break; sleep 0.2
    done
    echo == refused; vserver --silent lim start; echo $?; vserver lim running
    echo == optional; echo LIMITS=optional >/etc/vserver.conf; vserver --silent lim start; echo $?; rm /etc/vserver.conf
    vserver --silent lim stop; umount /mnt/v1; rmdir /mnt/v1
    for i in $(seq 50); do echo +pids >/sys/fs/cgroup/cgroup.subtree_control && break; sleep 0.2; done 2>/dev/null
    echo == again; vserver --silent lim start; cat /sys/fs/cgroup/vserver-lim/pids.max`);
  const seen = parts(output);
  const said =
    "vserver lim: cannot enforce its limit NPROC: the cgroup v2 hierarchy of this machine has no pids controller";
  expect(seen["refused"]).toStartWith(`${said}; `);
  expect(seen["refused"]).toEndWith("\n69\nServer lim is not running");
  expect(seen["optional"]).toStartWith(`${said}; `);
  expect(seen["optional"]).toEndWith("\n0");
  expect(seen["again"]).toMatch(/^\d+$/);
}, 240_000);

test("a limit this machine cannot enforce stops the start, unless LIMITS=optional", async () => {
  const before = readFileSync("/etc/vservers/lim.conf", "utf8");
  await type("vserver --silent lim stop");
  writeFileSync("/etc/vservers/lim.conf", `${before}IO_WEIGHT=500\n`);
  const refused = await type(
    "vserver --silent lim start; echo $?; vserver lim running; ls -d /sys/fs/cgroup/vserver-lim",
  );
  expect(refused.output).toMatch(
    /^vserver lim: cannot enforce its limit IO_WEIGHT: .*; modprobe bfq .*, or set LIMITS=optional in \/etc\/vserver.conf\n69\n/,
  );
  expect(refused.output).toContain("is not running");
  expect(refused.output).toContain("No such file");
  const started = await type(
    "echo LIMITS=optional >/etc/vserver.conf; vserver --silent lim start; echo $?; rm /etc/vserver.conf",
  );
  expect(started.output).toMatch(/cannot enforce its limit IO_WEIGHT: .*\n0\n$/);
  writeFileSync("/etc/vservers/lim.conf", before);
}, 240_000);
