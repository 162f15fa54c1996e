/** System V IPC, message queues, abstract sockets and keys of another context cannot be used, asked about or removed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { attack, worked } from "./attack.ts";
import { directions, type Field, type Kind, positions } from "./directions.ts";
import { type Place, place, type Victim } from "./places.ts";

let field: Field;
beforeAll(async () => {
  await Bun.$`mkdir -p /dev/mqueue && mount -t mqueue none /dev/mqueue`.quiet().nothrow();
  field = await positions();
});
afterAll(async () => {
  await Bun.$`ipcrm --all; umount -l /dev/mqueue`.quiet().nothrow();
});

/** A process with one object of each kind, which everybody would be permitted to use. */
async function owner(at: Place): Promise<Victim> {
  const victim = await at.victim();
  await at.run(`echo make >${victim.orders}; until test -s /tmp/objects-${victim.pid}; do sleep 0.05; done`);
  return victim;
}

/** What still answers to the owner's own context. */
const lasting = [
  ...["shmget", "shmat to write", "semget", "semop", "msgget", "msgsnd", "mq_open", "keyctl read"],
  ...["connect to an abstract stream socket", "connect to an abstract datagram socket"],
];

for (const kind of ["root in a context", "root of the main server"] as const) {
  test(`of ${kind}, its own context uses everything`, async () => {
    const results = await attack(field[kind].place, "ipc", await owner(field[kind].place));
    expect([...results].filter(([, result]) => result !== "ok")).toEqual([]);
  });
}

const looks = [...["shmctl IPC_STAT", "semctl IPC_STAT", "msgctl IPC_STAT", "stat of a queue", "keyctl describe"]];
const cases: readonly (readonly [from: Kind, to: Kind, allowed: readonly string[]])[] = [
  ...directions.map(([from, to]) => [from, to, []] as const),
  ["context 1", "root of the main server", looks],
  ["context 1", "a user in a context", looks],
];

for (const [from, to, allowed] of cases) {
  test(`${from} uses nothing of ${to}`, async () => {
    const victim = await owner(field[to].place);
    expect(worked(await attack(field[from].place, "ipc", victim)).sort()).toEqual([...allowed].sort());
    const own = await attack(field[to].place, "ipc", victim);
    expect(lasting.filter((name) => own.get(name) !== "ok")).toEqual([]);
  });
}

test("ipcs lists what is of the caller's context, and /proc/sysvipc is closed to whoever would find more there", async () => {
  const main = await owner(field["root of the main server"].place);
  const inside = await owner(field["root in a context"].place);
  const key = ({ pid }: Victim) => `0x${pid.toString(16).padStart(8, "0")}`;
  const ipcs = "ipcs; cat /proc/sysvipc/shm || echo closed";
  const seen = async (kind: Kind) => {
    const text = await field[kind].place.run(ipcs);
    return [text.includes(key(main)), text.includes(key(inside)), text.includes("closed")];
  };
  expect(await seen("root of the main server")).toEqual([true, false, true]);
  expect(await seen("root in a context")).toEqual([false, true, true]);
  expect(await seen("context 1")).toEqual([true, true, false]);
});

test("what an ended context leaves belongs to nobody who gets its number again, and root of the main server removes it", async () => {
  const first = await place("chcontext", "--silent", "--ctx", "4800");
  const victim = await owner(first);
  await first.end();
  const root = field["root of the main server"].place;
  await root.run("until ! vserver-stat --json | grep -q '\"context\": 4800'; do sleep 0.1; done");
  const again = await place("chcontext", "--silent", "--ctx", "4800");
  const used = worked(await attack(again, "ipc", victim));
  expect(used).toEqual([]);
  expect(worked(await attack(root, "ipc", victim))).toEqual([
    "chmod of a queue",
    "shmctl IPC_RMID",
    "semctl IPC_RMID",
    "msgctl IPC_RMID",
    "mq_unlink",
  ]);
  await again.end();
});

test("one context cannot take all the places there are for System V objects, and has its own again when they are gone", async () => {
  const script = `
import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
def fill():
    made = []
    while (number := libc.msgget(0, 0o600)) >= 0: made.append(number)
    print(len(made), errno.errorcode[ctypes.get_errno()], flush=True)
    return made
made = fill()
sys.stdin.readline()
for number in made: libc.msgctl(number, 0, None)
made = fill()
for number in made: libc.msgctl(number, 0, None)`;
  const greedy = Bun.spawn(["chcontext", "--silent", "--ctx", "4921", "python3", "-c", script], {
    stdin: "pipe",
    stdout: "pipe",
  });
  const reader = greedy.stdout.getReader();
  const line = async () => new TextDecoder().decode((await reader.read()).value);
  expect(await line()).toBe("16384 ENOSPC\n");
  const other = await Bun.$`chcontext --silent --ctx 4922 ipcmk --shmem 4096 --semaphore 1 --queue`.quiet().nothrow();
  expect(other.exitCode).toBe(0);
  greedy.stdin.end();
  expect(await line()).toBe("16384 ENOSPC\n");
  await greedy.exited;
});
