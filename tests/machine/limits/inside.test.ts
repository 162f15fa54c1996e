/** Limits of a server's own namespaces: terminals and IPC, which it cannot change itself. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { parts, type } from "../shell.ts";
import { makeServer, removeServer } from "./place.ts";

beforeAll(async () => {
  await makeServer("ipc", "S_CONTEXT=728\nPTYS=3\nSHM=1M\nSEMAPHORES=100\nMESSAGES=2\nQUEUES=2");
  await Bun.write("/vservers/ipc/tmp/hog.py", hog);
  expect(await type("vserver --silent ipc start")).toMatchObject({ status: 0 });
}, 240_000);
afterAll(async () => {
  await removeServer("ipc");
});

/** Makes as many of each as it gets, says how many and why no more, and removes them. */
const hog = `
import ctypes, errno, os, pty
libc = ctypes.CDLL(None, use_errno=True)
def fill(name, make, remove):
    made = []
    while len(made) < 400:
        one = make()
        if one < 0: break
        made.append(one)
    print(name, len(made), errno.errorcode.get(ctypes.get_errno(), "") if len(made) < 400 else "")
    for one in made: remove(one)
def terminal():
    try: return os.open("/dev/ptmx", os.O_RDWR)
    except OSError as error: ctypes.set_errno(error.errno); return -1
fill("terminals", terminal, os.close)
fill("shared memory", lambda: libc.shmget(0, 256 * 1024, 0o600), lambda one: libc.shmctl(one, 0, None))
fill("semaphores", lambda: libc.semget(0, 25, 0o600), lambda one: libc.semctl(one, 0, 0))
fill("messages", lambda: libc.msgget(0, 0o600), lambda one: libc.msgctl(one, 0, None))
number = [0]
def queue():
    number[0] += 1
    return libc.mq_open(b"/q%d" % number[0], os.O_CREAT | os.O_RDWR, 0o600, None)
fill("queues", queue, lambda one: None)
for one in range(number[0] + 1): libc.mq_unlink(b"/q%d" % one)
for path in ("kernel/shmall", "kernel/msgmni", "fs/mqueue/queues_max"):
    try: open("/proc/sys/" + path, "w").write("99999"); print("WROTE", path)
    except OSError: pass
`;

test("each is had up to its limit, and the main server's are its own", async () => {
  const { output } = await type("vserver ipc exec python3 /tmp/hog.py; echo == main; python3 /vservers/ipc/tmp/hog.py");
  const [own = "", main = ""] = output.split("== main\n");
  expect(own.trim().split("\n")).toEqual([
    "terminals 3 ENOSPC",
    "shared memory 4 ENOSPC",
    "semaphores 4 ENOSPC",
    "messages 2 ENOSPC",
    "queues 2 ENOSPC",
  ]);
  expect(main).toContain("terminals 400");
  expect(main).toContain("shared memory 400");
});

test("they are shown, and changed while the server runs", async () => {
  const { output } = await type(`
    vlimit ipc --ptys 5 --shm 2M --semaphores unlimited --messages 4 --queues 3; echo $?
    echo == inside; vserver ipc exec python3 /tmp/hog.py; echo == shown; vlimit ipc | grep -E 'PTYS|SHM|SEMA'`);
  expect(output).toStartWith("0\n");
  const seen = parts(output);
  expect(seen["inside"]?.split("\n")).toEqual([
    "terminals 5 ENOSPC",
    "shared memory 8 ENOSPC",
    "semaphores 400 ",
    "messages 4 ENOSPC",
    "queues 3 ENOSPC",
  ]);
  expect(seen["shown"]).toMatch(/^PTYS +- +5 +-\nSHM +- +2M +-\nSEMAPHORES +- +- +-$/);
});

test("a server that says nothing cannot have all terminals of the machine", async () => {
  await makeServer("plain", "S_CONTEXT=729");
  await Bun.write("/vservers/plain/tmp/hog.py", hog);
  const { output } = await type("vserver --silent plain start; vserver plain exec python3 /tmp/hog.py | head -n 1");
  expect(output).toBe("terminals 256 ENOSPC\n");
  await removeServer("plain");
}, 200_000);
