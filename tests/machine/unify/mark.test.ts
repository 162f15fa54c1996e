/** Nobody outside context 0 changes a marked file that has a second link: by no path, descriptor, mapping or ring. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { attack, worked } from "../contexts/attack.ts";
import { place } from "../contexts/places.ts";
import { attackProgram } from "../contexts/program.ts";
import { makeServer, removeServer } from "../limits/place.ts";
import { type } from "../shell.ts";
import { makeDisk, removeDisk, share } from "./place.ts";

const nobody = { pid: 0, tid: 0, orders: "" };
const mounted = "/mnt/unify-test";
const asUser = ["setpriv", "--reuid", "user", "--regid", "user", "--init-groups"];
const fresh = ["chcontext", "--silent"];

beforeAll(async () => {
  await type("vkernel load; modprobe overlay");
  await makeDisk("btrfs", mounted);
});
afterAll(() => removeDisk(mounted));

/** What fails there whoever tries: it is no swap space, and calls may be newer than the kernel. */
const naturally = {
  ext4: ["reflink into", "dedupe into", "ioctl SETVERSION", "defragment", "swapon", "fs-verity"],
  btrfs: ["ioctl SETVERSION", "swapon"],
} as const;
const newCalls = ["setxattrat", "file_setattr"];

type Results = ReadonlyMap<string, string>;
const failures = (results: Results) => [...results].flatMap(([name, result]) => (result === "ok" ? [] : [name])).sort();
const unknownCalls = (results: Results) => newCalls.filter((name) => results.get(name) === "ENOSYS");

/** A server whose root attacks what stands in its tree. */
async function inServer(name: string, root: string) {
  await type(root === "/vservers" ? "" : `echo VSERVERS=${root} >/etc/vserver.conf`);
  await makeServer(name, "S_CONTEXT=741", root);
  await type(`vserver --silent ${name} start; cp ${attackProgram()} ${root}/${name}/tmp/attack`);
  return {
    run: async (script: string) => (await type(`vserver ${name} exec ${script}`)).output,
    end: async () => {
      await removeServer(name, root);
      await type("rm -f /etc/vserver.conf");
    },
  };
}

for (const [kind, root] of [
  ["ext4", "/vservers"],
  ["btrfs", mounted],
] as const) {
  describe(kind, () => {
    const base = `${root}/unify-mark`;

    test("root of the main server changes it in every way there is", async () => {
      const shared = await share(base);
      const here = await place();
      const results = await attack(here, "unified", nobody, shared.file);
      await here.end();
      await shared.end();
      expect(failures(results)).toEqual([...naturally[kind], ...unknownCalls(results)].sort());
    }, 300_000);

    test("root in a context changes it in no way", async () => {
      const shared = await share(base);
      const before = await shared.state();
      const there = await place(...fresh);
      const results = await attack(there, "unified", nobody, shared.file);
      await there.end();
      expect(await shared.state()).toBe(before);
      await shared.end();
      const others = [...results].filter(([, result]) => result !== "EPERM").map(([name]) => name);
      expect(others.sort()).toEqual(unknownCalls(results).sort());
    }, 300_000);

    test("with one link left it is private again: root in a context changes it in every way but one", async () => {
      const shared = await share(base);
      await type(`rm ${shared.link}`);
      const there = await place(...fresh);
      const results = await attack(there, "unified", nobody, shared.file);
      await there.end();
      await shared.end();
      const expected = new Set([...naturally[kind], ...unknownCalls(results), "dedupe into"]);
      expect(failures(results)).toEqual([...expected].sort());
    }, 300_000);

    test("a user in a context changes nothing of a file of his own", async () => {
      const shared = await share(base, { owner: "user" });
      const before = await shared.state();
      const there = await place(...asUser, ...fresh);
      const guarded = await attack(there, "unified", nobody, shared.file);
      expect(await shared.state()).toBe(before);
      await type(`rm ${shared.link}`);
      const free = await attack(there, "unified", nobody, shared.file);
      await there.end();
      await shared.end();
      expect(worked(guarded)).toEqual([]);
      // What is left is root's in any case.
      expect(worked(free).length).toBeGreaterThan(free.size - naturally[kind].length - newCalls.length - 6);
    }, 300_000);

    test("root inside a server changes nothing that another one has, and anything that none has", async () => {
      const server = await inServer("umark", root);
      const shared = await share(`${root}/umark/root/unify`, { link: `${root}/unify-link` });
      const before = await shared.state();
      const guarded = await attack(server, "unified", nobody, "/root/unify/files/shared");
      expect(await shared.state()).toBe(before);
      await type(`rm ${shared.link}`);
      const free = await attack(server, "unified", nobody, "/root/unify/files/shared");
      await shared.end();
      await server.end();
      expect(worked(guarded)).toEqual([]);
      expect(worked(free).length).toBeGreaterThan(free.size - naturally[kind].length - newCalls.length - 8);
    }, 300_000);
  });
}

describe("in a context", () => {
  const base = "/vservers/unify-free";

  /** Runs a script as root in a context, in the directory of the shared file. */
  async function inContext(script: string): Promise<{ output: string; before: string; after: string }> {
    const shared = await share(base);
    const before = await shared.state();
    const { output } = await type(`cd ${base}/files; chcontext --silent sh -c '${script}'`);
    const after = await shared.state();
    await shared.end();
    return { output, before, after };
  }
  /** Without link count and change time. */
  const contents = (state: string) => state.replace(/^(\S+ \S+ \S+) \d+ (\S+ \S+ \S+ \S+) \S+ \S+ \S+/, "$1 $2");

  test("names come and go: link, rename, exchange, and unlink are free", async () => {
    const { output, before, after } = await inContext(
      "ln shared more && mv more again && mv --exchange again shared.mine && mv -f again shared && rm shared.mine && echo done",
    );
    expect(output).toBe("done\n");
    expect(contents(after)).toBe(contents(before));
  });

  test("a package manager's way to replace a file works, and the others keep theirs", async () => {
    const { output, before, after } = await inContext(
      "echo new >shared.dpkg-new && ln shared shared.dpkg-tmp && mv -f shared.dpkg-new shared && rm shared.dpkg-tmp && cat shared && stat -c %h shared",
    );
    expect(output).toBe("new\n1\n");
    expect(contents(after)).toBe(contents(before));
  });

  test("sed -i, cp -a and cp --remove-destination make private files that can be changed", async () => {
    const { output, before, after } = await inContext(
      "cp -a shared mine && echo x >>mine && sed -i s/./x/ shared && echo x >>shared && cp --remove-destination /etc/passwd shared && echo y >>shared && stat -c %h mine shared",
    );
    expect(output).toBe("1\n1\n");
    expect(contents(after)).toBe(contents(before));
  });

  test("through an overlay on top of it the file is copied, not changed", async () => {
    const { output, before, after } = await inContext(
      `unshare --mount sh -ec "mount --make-rprivate /; mkdir ../up; mount -t overlay -o lowerdir=.,upperdir=../up,workdir=../work none ../over; echo top >../over/shared; cat ../up/shared"`,
    );
    expect(output).toBe("top\n");
    expect(after).toBe(before);
  });

  test("a descriptor whose name is gone changes nothing of what is another one's by now", async () => {
    const script = `import os
def attempt(work):
    try: work(); print("DONE")
    except OSError as error: print(error.strerror)
one = os.open("shared", os.O_RDONLY)
os.unlink("shared")
attempt(lambda: os.open("/proc/self/fd/%d" % one, os.O_RDWR))
attempt(lambda: os.truncate("/proc/self/fd/%d" % one, 0))
attempt(lambda: os.fchmod(one, 0o777))
attempt(lambda: os.setxattr(one, "user.new", b"1"))
attempt(lambda: os.removexattr(one, "user.there"))`;
    await Bun.write("/tmp/name-gone.py", script);
    const { output, before, after } = await inContext("python3 /tmp/name-gone.py; stat -c %h ../link");
    expect(output).toBe(`${"Operation not permitted\n".repeat(5)}1\n`);
    expect(contents(after)).toBe(contents(before));
  });

  test("a name that is being removed opens nothing, however long the removal takes", async () => {
    // In such a directory each removal waits for the disk, when one link is left already and the name is still there.
    const script = `import os, time, collections
os.mkdir("slow"); os.system("chattr +D slow; echo mine >slow/mine")
base, name = "../link", "slow/theirs"
os.unlink("shared")
child = os.fork()
while child == 0:
    os.link(base, name); os.unlink(name)
    os.link(base, name); os.link("slow/mine", "slow/new"); os.rename("slow/new", name); os.unlink(name)
seen = collections.Counter()
def attempt(what, work):
    try: work(); seen[what + " done"] += 1
    except FileNotFoundError: seen["not there"] += 1
    except PermissionError: seen["refused"] += 1
theirs = os.stat(base).st_ino
# Its own file has the name for a moment, too.
def write():
    file = os.open(name, os.O_WRONLY)
    if os.fstat(file).st_ino == theirs: seen["opened"] += 1
    os.close(file)
end = time.time() + 8
while time.time() < end:
    attempt("open", write)
    for work in lambda: os.chmod(name, 0o777), lambda: os.truncate(name, 0), lambda: os.setxattr(name, "user.new", b"1"):
        attempt("change", work)
os.kill(child, 9)
print("opened", seen["opened"], "refused", seen["refused"] > 100)`;
    await Bun.write("/tmp/name-going.py", script);
    const { output, before, after } = await inContext("python3 /tmp/name-going.py");
    expect(output).toBe("opened 0 refused True\n");
    expect(contents(after)).toBe(contents(before));
  });

  test("nobody sets the mark, with one name or several, nor takes it", async () => {
    const { output } =
      await type(`mkdir -p ${base}; cd ${base}; echo a >plain; ln plain other; echo b >marked; ln marked second; echo c >single
      setattr --iunlink marked; cp single alone; setattr --iunlink alone
      for name in plain other single .; do chcontext --silent setfattr -n user.vserver.iunlink -v 1 $name; done
      for name in marked second alone; do chcontext --silent setfattr -x user.vserver.iunlink $name; done
      chcontext --silent setfattr -n user.vserver.iunlink -v 2 alone
      chcontext --silent sh -c 'setfattr -n user.vserver.iunlin -v 1 single && setfattr -n user.vserver.iunlinks -v 1 single'
      chcontext --silent setfattr -x user.vserver.iunlin single
      showattr plain marked single alone; rm -r ${base}`);
    expect(output.match(/Operation not permitted/g)).toHaveLength(8);
    expect(output).toMatch(/\nplain\t00080000\nmarked\t00088010\nsingle\t00080000\nalone\t00088010\n$/);
  });

  test("of a file with several names and no mark everything is free but access lists and removing attributes", async () => {
    const { output } = await type(`mkdir -p ${base}; cd ${base}; echo a >plain; ln plain other
      chcontext --silent sh -c 'echo x >>plain && chmod 600 plain && touch plain && truncate -s 1 other && setfattr -n user.x -v 1 plain && echo free
        setfattr -x user.x plain; setfacl -m u:1:r plain'
      rm other; chcontext --silent sh -c 'setfattr -x user.x plain && setfacl -m u:1:r plain && setfacl -b plain && echo free'; rm -r ${base}`);
    expect(output.split("\n").map((line) => line.replace(/^.*: /, ""))).toEqual([
      "free",
      "Operation not permitted",
      "Operation not permitted",
      "free",
      "",
    ]);
  });

  test("who holds a marked file open for writing does not come in", async () => {
    const shared = await share(base);
    const { output } = await type(`chcontext --silent sh -c 'echo bad >&3' 3>>${shared.file}; echo $?
      chcontext --silent sh -c 'cat <&3 | wc -c' 3<${shared.file}`);
    await shared.end();
    expect(output).toBe(
      "chcontext: cannot set the new security context: text file busy; a file with several names is open for writing: close it first\n255\n65536\n",
    );
  });

  test("of many that open it while it is being marked none writes to it afterwards", async () => {
    await Bun.write(
      "/tmp/unify-race.py",
      `import os, sys, time
end = time.monotonic() + 20
while time.monotonic() < end and not os.path.exists("stop"):
    for name in os.listdir("."):
        try:
            writer = os.open(name, os.O_WRONLY | os.O_APPEND)
            os.write(writer, b"x")
            os.close(writer)
        except (FileNotFoundError, PermissionError, IsADirectoryError): pass
`,
    );
    const { output } = await type(`rm -rf ${base}; mkdir -p ${base}/in ${base}/out; cd ${base}/in
      chcontext --silent sh -c 'for n in 1 2 3 4; do python3 /tmp/unify-race.py & done; wait' &
      sleep 1
      for n in $(seq 12); do echo $n >f$n; ln f$n ../out/f$n; done
      marked=0; changed=0
      for try in 1 2 3; do for n in $(seq 12); do setattr --iunlink ../out/f$n 2>/dev/null && sha256sum ../out/f$n >>../sums; done; done
      sleep 1; touch stop; wait
      sort -u ../sums | cut -c67- | uniq -d; sort -u ../sums >../once; sha256sum --quiet -c ../once 2>&1; grep -c . ../once`);
    await type(`rm -rf ${base} /tmp/unify-race.py`);
    expect(Number(output)).toBeGreaterThan(5);
  });
});
