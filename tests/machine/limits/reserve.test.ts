/** Pools of the whole machine, and of a user id on it: root of a server cannot have all of them, the main server gets its part. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { parts, type } from "../shell.ts";
import { makeServer, removeServer } from "./place.ts";

/** Small enough to be filled; three quarters are the servers'. */
const settings = {
  "fs/inotify/max_user_watches": 400,
  "fs/inotify/max_user_instances": 60,
  "fs/fanotify/max_user_groups": 40,
  "fs/fanotify/max_user_marks": 200,
  "fs/aio-max-nr": 1000,
  "kernel/keys/root_maxkeys": 400,
  "kernel/keys/root_maxbytes": 200_000,
} as const;
const before = new Map<string, string>();

beforeAll(async () => {
  for (const [name, value] of Object.entries(settings)) {
    const file = Bun.file(`/proc/sys/${name}`);
    before.set(name, await file.text());
    await Bun.write(file, `${value}\n`);
  }
  await makeServer("pool", "S_CONTEXT=737\nFILES=3000");
  await type(`cd /vservers/pool/tmp && mkdir -p many && cd many && seq 450 | xargs mkdir -p`);
  await Bun.write("/vservers/pool/tmp/pool.py", hog);
  expect(await type("vserver --silent pool start")).toMatchObject({ status: 0 });
}, 240_000);
afterAll(async () => {
  await removeServer("pool");
  for (const [name, value] of before) await Bun.write(`/proc/sys/${name}`, value);
});

/** `pool.py NAME MOST`: takes as many as it gets, up to MOST, says how many and why no more; `hold`: and keeps them. */
const hog = `
import ctypes, errno, os, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
here = os.path.dirname(os.path.abspath(__file__)) + "/many/"
def watch(instance, number):
    return libc.inotify_add_watch(instance, (here + str(number)).encode(), 2)
def as_user(instance, number):
    os.seteuid(1000)
    try: return watch(instance, number)
    finally: os.seteuid(0)
def mark(group, number):
    return libc.fanotify_mark(group, 1, ctypes.c_uint64(2), -100, (here + str(number)).encode())
def aio(size):
    context = ctypes.c_ulong(0)
    return libc.syscall(206, size, ctypes.byref(context))
def key(number, size):
    return libc.syscall(248, b"user", b"pool%d" % number, bytes(size), size, -3)
instance, group = [], []
def first(kept, make):
    if not kept: kept.append(make())
    return kept[0]
takes = {
    "watches": lambda n: watch(first(instance, libc.inotify_init), n),
    "watches by a user with root's instance": lambda n: as_user(first(instance, libc.inotify_init), n),
    "instances": lambda n: libc.inotify_init() if n % 2 else libc.inotify_init1(0),
    "groups": lambda n: libc.fanotify_init(0x200, 0),
    "marks": lambda n: mark(first(group, lambda: libc.fanotify_init(0x200, 0)), n),
    "aio": lambda n: aio(10),
    "keys": lambda n: key(n, 1),
    "bytes of keys": lambda n: key(n, 2000),
}
if sys.argv[1] == "give back":
    libc.syscall(250, 1, 0)
    while key(len(instance) + 1, 2000) >= 0: instance.append(0)
    full = len(instance)
    print("cleared", libc.syscall(250, 7, -3)); time.sleep(1)
    while key(len(instance) + 1, 2000) >= 0: instance.append(0)
    print("again", len(instance) - full > full // 2); sys.exit()
if sys.argv[1] == "race":
    got = []
    def one():
        if aio(400) == 0: got.append(1)
    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print("race", len(got)); sys.exit()
name, most = sys.argv[1], int(sys.argv[2])
os.setgroups([])
libc.syscall(250, 1, 0)
count = 0
while count < most and takes[name](count + 1) >= 0: count += 1
print(name + ":", count, errno.errorcode.get(ctypes.get_errno(), "") if count < most else "all", flush=True)
if "hold" in sys.argv: time.sleep(60)
`;

/** What the server got of a pool, and then the main server while the server had it. */
async function contest(
  name: string,
  most: number,
  own: number,
): Promise<{ server: string; count: number; main: string }> {
  const { output } = await type(`
    vserver pool exec python3 /tmp/pool.py '${name}' ${most} hold >/tmp/pool.out & 
    until grep -q : /tmp/pool.out; do sleep 0.2; done
    echo == server; cat /tmp/pool.out; echo == main; python3 /vservers/pool/tmp/pool.py '${name}' ${own}
    echo 1 >/sys/fs/cgroup/vserver-pool/init/vserver-exec/cgroup.kill; wait; rm /tmp/pool.out`);
  const { server = "", main = "" } = parts(output);
  return { server, count: Number(/: (\d+)/.exec(server)?.[1]), main };
}

for (const [name, setting, own, error] of [
  ["watches", "fs/inotify/max_user_watches", 80, "ENOSPC"],
  ["watches by a user with root's instance", "fs/inotify/max_user_watches", 80, "ENOSPC"],
  ["instances", "fs/inotify/max_user_instances", 10, "ENFILE"],
  ["groups", "fs/fanotify/max_user_groups", 8, "ENFILE"],
  ["marks", "fs/fanotify/max_user_marks", 40, "ENOSPC"],
  ["keys", "kernel/keys/root_maxkeys", 60, "EDQUOT"],
] as const) {
  test(`${name}: the last quarter of ${setting} is the main server's`, async () => {
    const size = settings[setting];
    const quoted = name.replaceAll("'", `'"'"'`);
    const { server, count, main } = await contest(quoted, size + 20, own);
    expect(server).toEndWith(` ${error}`);
    expect(count).toBeLessThanOrEqual((size * 3) / 4);
    // The main server's own are among them.
    expect(count).toBeGreaterThan(size / 3);
    expect(main).toBe(`${name}: ${own} all`);
  });
}

test("bytes of keys: what one payload goes beyond it is all", async () => {
  const { server, count, main } = await contest("bytes of keys", 200, 15);
  expect(server).toEndWith(" EDQUOT");
  expect(count * 2000).toBeLessThanOrEqual(150_000 + 2000);
  expect(main).toBe("bytes of keys: 15 all");
  expect((await type("vserver pool exec python3 /tmp/pool.py 'give back'")).output).toBe("cleared 0\nagain True\n");
});

test("asynchronous I/O: three quarters for all servers, also in a race, and all of it again when they end", async () => {
  for (let round = 0; round < 2; round++) {
    const { server, count, main } = await contest("aio", 200, 20);
    // The call makes this of every error of its file.
    expect(server).toEndWith(" ENOMEM");
    expect(count).toBe(75);
    expect(main).toBe("aio: 20 all");
  }
  expect((await type("vserver pool exec python3 /tmp/pool.py race")).output).toBe("race 1\n");
  expect((await contest("aio", 200, 20)).count).toBe(75);
});
