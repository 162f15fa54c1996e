/** S_FLAGS=cow: who writes to a unified file gets it as its own first and notices nothing; what others share stays as it is. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { attack } from "../contexts/attack.ts";
import { attackProgram } from "../contexts/program.ts";
import { makeServer, removeServer } from "../limits/place.ts";
import { parts, type } from "../shell.ts";
import { share } from "./place.ts";

const mounted = "/mnt/cow-test";
const [writer, other] = ["cowwriter", "cowother"];
const [files, originals] = [`/vservers/${writer}/files`, "/vservers/cow-originals"];

beforeAll(async () => {
  await makeServer(writer, 'S_CONTEXT=761\nS_FLAGS="lock nproc cow"');
  await makeServer(other, "S_CONTEXT=762\nS_FLAGS=cow");
  const { status, output } = await type(`mkdir -p ${files} ${originals} /vservers/${other}/files; ${makeTemplate}
    vserver --silent ${writer} start && vserver --silent ${other} start`);
  expect({ status, output }).toEqual({ status: 0, output: "" });
}, 200_000);

afterAll(async () => {
  await removeServer(writer);
  await removeServer(other);
  await type(`rm -rf ${originals} /vservers/.cow`);
});

/** Shell lines that make unified files of those names, with all that a copy must take along. */
const unify = (names: readonly string[], directory = files) => `(cd ${originals}; for name in ${names.join(" ")}; do
  rm -f $name ${directory}/$name; cp -a ${originals}/.template $name; ln $name ${directory}/$name; done
  chattr +A ${names.join(" ")}; setattr --iunlink ${names.join(" ")})`;
const makeTemplate = `printf 'first\\nsecond\\n' >${originals}/.template; chown 1234:2345 ${originals}/.template; chmod 664 ${originals}/.template
  setfacl -m u:77:r ${originals}/.template; setfattr -n user.note -v kept ${originals}/.template
  touch -d '2001-02-03 04:05:06.789' ${originals}/.template`;

/** All that a program can see of a file but its number, its links, when it was changed, and the mark. */
const look = (path: string) =>
  `stat -c '%f %u %g %s %x %y' ${path}; sha256sum <${path}; lsattr ${path} | cut -d' ' -f1
   getfattr -d -m - --absolute-names ${path} | grep -v -e '^#' -e vserver.iunlink | sort`;

/** Shell text that runs a script in a server. */
const inside = (server: string, script: string) => `vserver ${server} exec sh -c '${script}'`;

/** Every way to write that a shell has, and what is to be seen of it afterwards. */
const ways: Readonly<Record<string, readonly [write: string, seen: string, expected: string]>> = {
  append: ["echo x >>append", "tail -n 1 append", "x"],
  truncate_open: ["echo x >truncate_open", "cat truncate_open", "x"],
  dd: ["dd if=/dev/zero of=dd bs=1 count=1 conv=notrunc status=none", "head -c 2 dd | od -An -tx1", "00 69"],
  sed: ["sed -i s/first/third/ sed", "head -n 1 sed", "third"],
  python: [`python3 -c "open(\\"python\\", \\"r+\\").write(\\"F\\")"`, "head -n 1 python", "First"],
  truncate: ["truncate -s 3 truncate", "stat -c %s truncate", "3"],
  truncate_call: [`python3 -c "import os; os.truncate(\\"truncate_call\\", 4)"`, "stat -c %s truncate_call", "4"],
  chmod: ["chmod 600 chmod", "stat -c %a chmod", "600"],
  chown: ["chown 7:8 chown", "stat -c %u:%g chown", "7:8"],
  touch: ["touch -d 2020-01-01T00:00Z touch", "stat -c %Y touch", "1577836800"],
  utime: [`python3 -c "import os; os.utime(\\"utime\\", (1, 2))"`, "stat -c %X-%Y utime", "1-2"],
  setfattr: ["setfattr -n user.new -v 1 setfattr", "getfattr --only-values -n user.new setfattr; echo", "1"],
  removexattr: ["setfattr -x user.note removexattr", "getfattr -m user.note removexattr | wc -l", "0"],
  setfacl: ["setfacl -m u:78:rw setfacl", "getfacl -cn setfacl | grep :78:", "user:78:rw-"],
  remove_acl: ["setfacl -b remove_acl", "getfacl -cn remove_acl | grep -c 77", "0"],
};

describe("writing", () => {
  test("works in every way, as if the file had always been the server's own; the others' stays as it is", async () => {
    const names = Object.keys(ways);
    const all = names.map((name) => `${originals}/${name}`).join(" ");
    const state = `stat -c '%f %u %g %s %y %i' ${all}; sha256sum ${all}; getfattr -d -m - --absolute-names ${all}`;
    const script = names.map((name) => `echo "== ${name}"; ${ways[name]?.[0]} && ${ways[name]?.[1]}`).join("\n");
    await Bun.write(`/vservers/${writer}/tmp/ways.sh`, `cd /files\n${script}\n`);
    const { output } = await type(`${unify(names)}
      (${state}) >/tmp/cow-before; vserver ${writer} exec sh /tmp/ways.sh; (${state}) >/tmp/cow-after
      cmp /tmp/cow-before /tmp/cow-after && echo "== untouched" && stat -c %h ${all} | sort | uniq -c`);
    const results = parts(output);
    for (const name of names) expect(`${name}: ${results[name]}`).toBe(`${name}: ${ways[name]?.[2]}`);
    expect(results["untouched"]).toBe(`${names.length} 1`);
  }, 300_000);

  test("leaves owner, mode, times, attributes, access lists, flags, holes and content of the copy as they were", async () => {
    const { output } = await type(`${unify(["same", "sparse"])}
      truncate -s 2M ${originals}/sparse; printf end >>${originals}/sparse; touch -d 2002-02-02T02:02:02.2Z ${originals}/sparse
      setcap cap_net_raw+ep ${originals}/sparse
      for name in same sparse; do (${look(`${originals}/$name`)}) >/tmp/cow-$name; done
      ${inside(writer, "cd /files; for name in same sparse; do : 3<>$name; done")}
      for name in same sparse; do (${look(`${files}/$name`)}) | diff /tmp/cow-$name - && stat -c %h ${files}/$name ${originals}/$name; done
      getfattr -n user.vserver.iunlink ${files}/same 2>&1 | grep -c 'No such attribute'
      [ $(stat -c %b ${files}/sparse) -lt 100 ] && echo sparse`);
    expect(output).toBe("1\n1\n1\n1\n1\nsparse\n");
  }, 300_000);

  test("is refused to a context without the flag, as ever", async () => {
    const { output } = await type(`${unify(["refused"])}; cd ${originals}
      chcontext --silent sh -c 'echo x >>refused; chmod 1 refused; setfacl -b refused'; stat -c %h refused
      vserver --json ${writer} status | grep '"cow"'`);
    expect(output.match(/not permitted/g)).toHaveLength(3);
    expect(output).toMatch(/\n2\n {2}"cow": "copies",\n$/);
  }, 300_000);

  test("is as free for what enters the server later: vexec, suexec, enter", async () => {
    const { output } = await type(`${unify(["a", "b", "c"])}; chown nobody ${originals}/b
      vexec ${writer} sh -c 'echo x >>/files/a'; vserver ${writer} suexec nobody sh -c 'echo x >>/files/b'
      echo 'echo x >>/files/c; exit' | script -qec 'vserver ${writer} enter' /dev/null >/dev/null
      cd ${files}; tail -qn 1 a b c; stat -c %h a b c | uniq`);
    expect(output).toBe("x\nx\nx\n1\n");
  }, 300_000);

  test("who may not change a file does not cause a copy either", async () => {
    const { output } = await type(`${unify(["strange"])}
      vserver ${writer} suexec nobody sh -c 'cd /files; chmod 777 strange; chown nobody strange; setfacl -b strange; echo x >>strange; touch strange'
      stat -c %h ${originals}/strange`);
    expect(output.match(/not permitted|ermission denied/g)).toHaveLength(5);
    expect(output).toMatch(/\n2\n$/);
  }, 300_000);

  test("a descriptor opened for reading and its /proc/self/fd are refused, never a shared write", async () => {
    const script = `import os
def attempt(work):
    try: work(); print("DONE")
    except OSError as error: print(error.strerror)
one = os.open("/files/descriptor", os.O_RDONLY)
attempt(lambda: os.fchmod(one, 0o777))
attempt(lambda: os.setxattr(one, "user.new", b"1"))
attempt(lambda: os.open("/proc/self/fd/%d" % one, os.O_RDWR))
`;
    await Bun.write(`/vservers/${writer}/tmp/descriptor.py`, script);
    const { output } = await type(`${unify(["descriptor"])}; cp ${originals}/descriptor /tmp/cow-descriptor
      vserver ${writer} exec python3 /tmp/descriptor.py; cmp ${originals}/descriptor /tmp/cow-descriptor; stat -c %a ${originals}/descriptor`);
    expect(output).toBe(`${"Operation not permitted\n".repeat(3)}664\n`);
  }, 300_000);
});

describe("nobody notices", () => {
  test("a shell with job control sees its commands run through", async () => {
    await Bun.write(
      `/vservers/${writer}/tmp/jobs.sh`,
      `set -m; cd /files
dd if=/dev/zero of=front bs=1 count=1 conv=notrunc status=none; echo "front $?"
dd if=/dev/zero of=back bs=1 count=1 conv=notrunc status=none & wait $!; echo "back $?"; jobs\n`,
    );
    const { output } = await type(`${unify(["front", "back"])}
      vserver ${writer} exec script -qec 'bash -i /tmp/jobs.sh' /dev/null; stat -c %h ${files}/front ${files}/back`);
    expect(output).not.toMatch(/stop/i);
    expect(output.replaceAll("\r", "")).toMatch(/front 0\n(.*\n)*back 0\n(.*\n)*1\n1\n$/);
  }, 300_000);

  test("a parent is told nothing, no thread is interrupted, and no signal waits", async () => {
    const script = `import os, select, signal, threading, time
child = os.fork()
if child == 0:
    for name in ("p", "q", "r"): open("/files/" + name, "r+").close(); os.chmod("/files/" + name, 0o600)
    os._exit(7)
print([os.waitstatus_to_exitcode(os.waitpid(child, os.WUNTRACED | os.WCONTINUED)[1])])
def wait():
    began = time.monotonic()
    try: select.epoll().poll(1); print("waited", round(time.monotonic() - began))
    except OSError as error: print(error)
thread = threading.Thread(target=wait); thread.start(); time.sleep(0.2)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
for name in ("s", "t"): os.chmod("/files/" + name, 0o600)
thread.join(); print(signal.sigpending())
`;
    await Bun.write(`/vservers/${writer}/tmp/quiet.py`, script);
    const names = ["p", "q", "r", "s", "t"];
    const { output } = await type(`${unify(names)}; vserver ${writer} exec python3 /tmp/quiet.py
      cd ${files}; stat -c %h ${names.join(" ")} | uniq`);
    expect(output).toBe("[7]\nwaited 1\nset()\n1\n");
  }, 300_000);
});

describe("at the same time", () => {
  test("eight writers of one file all write to one copy", async () => {
    const { output } = await type(`${unify(["race"])}
      ${inside(writer, "cd /files; for i in 1 2 3 4 5 6 7 8; do (echo $i >>race) & done; wait; sort -n race | tr '\\''\\n'\\'' :")}
      wc -l <${originals}/race; stat -c %h ${originals}/race ${files}/race`);
    expect(output).toBe("first:second:1:2:3:4:5:6:7:8:2\n1\n1\n");
  }, 300_000);

  test("of many that change it in every way none is refused, whoever found the file a moment before its name was given away", async () => {
    const script = `import os, sys
def change(path, way):
    if way == 0: open(path, "r+b").close()
    elif way == 1: os.chmod(path, 0o600)
    elif way == 2: os.utime(path, (1, 2))
    else: os.setxattr(path, "user.new", b"1")
children = []
for way in range(4):
    child = os.fork()
    if child == 0:
        failures = 0
        for at in range(40):
            try: change("/files/m%d" % at, way)
            except OSError as error: failures += 1; print(way, at, error.strerror)
        os._exit(min(failures, 9))
    children.append(child)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
`;
    await Bun.write(`/vservers/${writer}/tmp/many.py`, script);
    const names = Array.from({ length: 40 }, (_, at) => `m${at}`);
    const { output } = await type(`${unify(names)}; cd ${originals}; stat -c '%a %Y' ${names.join(" ")} | sort | uniq -c
      vserver ${writer} exec python3 /tmp/many.py; stat -c '%a %Y' ${names.join(" ")} | sort | uniq -c
      cd ${files}; stat -c '%a %Y %h' ${names.join(" ")} | sort | uniq -c; getfattr --only-values -n user.new ${names.join(" ")} | wc -c`);
    const lines = output.split("\n").map((line) => line.trim());
    expect(lines).toEqual(["40 664 981173106", "[0, 0, 0, 0]", "40 664 981173106", "40 600 2 1", "40", ""]);
  }, 300_000);
});

describe("a server that fights cowmgr", () => {
  test("by every call, descriptor, mapping and ring changes its own copy or nothing", async () => {
    const shared = await share(`${files}/attacked`, { link: `${originals}/attacked` });
    // But for the number of links and the time of that change.
    const state = async () =>
      (await shared.state()).replace(/^(\S+ \S+ \S+) \d+ (\S+ \S+ \S+ \S+) \S+ \S+ \S+ (\d+)$/m, "$1 $2 $3");
    const before = await state();
    await type(`cp ${attackProgram()} /vservers/${writer}/tmp/attack`);
    const run = async (script: string) => (await type(`vserver ${writer} exec ${script}`)).output;
    const results = await attack({ run }, "unified", { pid: 0, tid: 0, orders: "" }, "/files/attacked/files/shared");
    expect(results.get("open for writing")).toBe("ok");
    expect(await state()).toBe(before);
    await shared.end();
  }, 300_000);

  test("with links, renames and exchanges of directories reaches no file of another one", async () => {
    const script = `import ctypes, os, threading, time
os.makedirs("/files/real", exist_ok=True)
done, begun = 0, time.monotonic()
# Two seconds, and longer where the machine is so slow that nothing has been opened by then.
def fighting():
    took = time.monotonic() - begun
    return took < 2 or (not done and took < 60)
def swap():
    while fighting():
        try: os.rename("/files/real", "/files/away"); os.symlink("/../cow-originals", "/files/real"); os.unlink("/files/real")
        except OSError: pass
        try: os.rename("/files/away", "/files/real")
        except OSError: pass
def replace():
    while fighting():
        try: os.rename("/files/real/f1", "/files/real/f0"); os.symlink("/../cow-originals/f1", "/files/real/f1"); os.unlink("/files/real/f1")
        except OSError: pass
        try: os.rename("/files/real/f0", "/files/real/f1")
        except OSError: pass
threads = [threading.Thread(target=one) for one in (swap, replace)]
for one in threads: one.start()
while fighting():
    for at in range(1, 40):
        try: open("/files/real/f%d" % at, "r+").close(); done += 1
        except OSError: pass
for one in threads: one.join()
print("opened" if done else "never opened")
`;
    await Bun.write(`/vservers/${writer}/tmp/fight.py`, script);
    const names = Array.from({ length: 39 }, (_, at) => `f${at + 1}`);
    const { output } = await type(`mkdir -p ${files}/real; cd ${originals}
      for name in ${names.join(" ")}; do echo content >$name; ln $name ${files}/real/$name; done
      setattr --iunlink ${names.join(" ")}; cat ${names.join(" ")} | sha256sum; stat -c '%i %f %Y' ${names.join(" ")} | sha256sum
      vserver ${writer} exec python3 /tmp/fight.py
      cat ${names.join(" ")} | sha256sum; stat -c '%i %f %Y' ${names.join(" ")} | sha256sum; vserver ${writer} status | grep -c unified`);
    const [content, status, opened, contentAfter, statusAfter, alive] = output.trim().split("\n");
    expect([contentAfter, statusAfter, opened, alive]).toEqual([content, status, "opened", "1"]);
  }, 300_000);

  test("from a root of its own within, or through a mount of its own, gets a copy of its own file and no other", async () => {
    const { output } = await type(`mkdir -p ${files}/jail; ${unify(["mounted"])}; ${unify(["inner"], `${files}/jail`)}
      vserver ${writer} exec python3 -c 'import os; os.chroot("/files/jail"); open("/inner", "a").write("x")'
      ${inside(writer, 'unshare -Urm sh -c \\"mount --bind /files /mnt 2>/dev/null && echo x >>/mnt/mounted\\" 2>/dev/null; :')}
      cat ${originals}/inner ${originals}/mounted; tail -c 1 ${files}/jail/inner`);
    expect(output).toBe("first\nsecond\nfirst\nsecond\nx");
  }, 300_000);

  test("and keeps it busy does not hold up another server", async () => {
    const { output } =
      await type(`head -c 16M /dev/urandom >${originals}/large; ln ${originals}/large ${files}/large; setattr --iunlink ${originals}/large
      ${unify(["small"], `/vservers/${other}/files`)}
      ${inside(writer, "echo x >>/files/large")} & sleep 0.3
      ${inside(other, "echo x >>/files/small")}; stat -c %h ${originals}/small; wait; stat -c %h ${originals}/large`);
    expect(output).toBe("1\n1\n");
  }, 300_000);
});

describe.each(["btrfs", "xfs"])("on %s", (kind) => {
  test("a copy shares its blocks with the file, and nobody notices either", async () => {
    const { output: made } =
      await type(`modprobe loop; truncate -s 400M /vservers/cow.image; mkfs.${kind} -q /vservers/cow.image
      mkdir -p ${mounted}; mount -o loop /vservers/cow.image ${mounted} && echo VSERVERS=${mounted} >/etc/vserver.conf`);
    expect(made).toBe("");
    await makeServer(`cow${kind}`, "S_FLAGS=cow", mounted);
    const { output } =
      await type(`cd ${mounted}; head -c 8M /dev/urandom >file; chmod 640 file; chown 5:6 file; setfattr -n user.note -v kept file
      ln file cow${kind}/file; setattr --iunlink file; sync; before=$(df --output=used -B1M . | tail -n 1); sum=$(sha256sum <file)
      vserver --silent cow${kind} start; ${inside(`cow${kind}`, "printf x >>/file; chmod 600 /file; touch -d @7 /file")}
      sync; [ $(($(df --output=used -B1M . | tail -n 1) - before)) -lt 6 ] && echo shared
      [ "$sum" = "$(sha256sum <file)" ] && stat -c '%a %u %g %h' file; [ "$sum" = "$(head -c 8M cow${kind}/file | sha256sum)" ] && tail -c 1 cow${kind}/file; echo
      stat -c '%a %u %g %h %Y' cow${kind}/file; getfattr --only-values -n user.note cow${kind}/file; echo; ls -A .cow`);
    await removeServer(`cow${kind}`, mounted);
    await type(`umount ${mounted}; rm -f /vservers/cow.image /etc/vserver.conf`);
    expect(output).toBe("shared\n640 5 6 1\nx\n600 5 6 1 7\nkept\n");
  }, 300_000);
});

describe("when it cannot be copied", () => {
  test("a server's limit of disk space and a full file system say so, and the shared file stays", async () => {
    const { output } =
      await type(`modprobe loop; truncate -s 32M /vservers/cow.image; mkfs.ext4 -q -m 0 -I 256 -O quota,project /vservers/cow.image
      mkdir -p ${mounted}; mount -o loop,prjquota /vservers/cow.image ${mounted}; echo VSERVERS=${mounted} >/etc/vserver.conf`);
    expect(output).toBe("");
    await makeServer("cowfull", "S_FLAGS=cow\nDISK=5M", mounted);
    const full = await type(`cd ${mounted}; head -c 6M /dev/urandom >large; echo one >one; head -c 3M /dev/urandom >two
      for name in large one two; do ln $name cowfull/$name; done; setattr --iunlink large one two; sha256sum large one two >/tmp/cow-full
      vserver --silent cowfull start; ${inside("cowfull", "echo x >>/large; echo x >>/one; tail -n 1 /one")}
      dd if=/dev/zero of=fill bs=1M status=none; ${inside("cowfull", "echo x >>/two; chmod 1 /two; :")}
      sha256sum -c --quiet /tmp/cow-full; stat -c '%h %a' large one two; lsattr -p cowfull/one | grep -c '^ *1[0-9]'
      rm fill; ${inside("cowfull", "echo x >>/two")}; stat -c %h two; ls -A .cow`);
    await removeServer("cowfull", mounted);
    await type(`umount ${mounted}; rm -f /vservers/cow.image /etc/vserver.conf`);
    const noRoom = String.raw`.*(No space left on device|Disk quota exceeded)\n`;
    const told = "vserver cowfull: 3 of its files are shared .*\\n";
    expect(full.output).toMatch(
      new RegExp(`^${told}${noRoom}x\n${noRoom}${noRoom}${noRoom}2 644\n1 644\n2 644\n1\n1\n$`),
    );
  }, 300_000);

  test("without cowmgr writing is refused, status says so, and a new one takes over", async () => {
    const { output } = await type(`${unify(["later"])}; kill -9 $(pidof cowmgr); sleep 0.3
      ${inside(writer, "echo x >>/files/later")}; vserver ${writer} status | grep unified; vserver --json ${writer} status | grep '"cow"'
      stat -c %h ${originals}/later; cowmgr --background; cowmgr --background; pidof cowmgr | wc -w; cowmgr
      ${inside(writer, "echo x >>/files/later")}; stat -c %h ${originals}/later`);
    expect(output).toContain("Operation not permitted");
    expect(output).toContain(
      "Writing to unified files is refused: cowmgr does not run; start it: cowmgr --background\n",
    );
    expect(output).toMatch(/ {2}"cow": "refused",\n2\n1\ncowmgr: cannot serve: .*; another cowmgr does\n1\n$/);
  }, 300_000);

  test("with the last server that has the flag cowmgr ends", async () => {
    const { output } = await type(`vserver --silent ${other} stop; pidof cowmgr | wc -w
      vserver --silent ${writer} stop; for i in 1 2 3 4 5; do pidof cowmgr >/dev/null || break; sleep 0.2; done; pidof cowmgr | wc -w
      ls -A /vservers/.cow`);
    expect(output).toBe("1\n0\n");
  }, 300_000);
});
