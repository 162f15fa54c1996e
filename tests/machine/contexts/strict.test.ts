/** What the default leaves of /proc/PID of others, exactly; nothing with `vkernel load --strict`, nor where hidepid is. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type } from "../shell.ts";
import { attack, worked } from "./attack.ts";
import { directions, type Field, leavePositions, positions } from "./directions.ts";

// Loading takes its time where the kernel is emulated.
let field: Field;
beforeAll(async () => {
  field = await positions();
});
/** Only a fresh load is without it again. */
afterAll(async () => {
  await leavePositions();
  await type("until vkernel unload 2>/dev/null; do sleep 0.2; done; vkernel load");
});

const left = ["access", "access of the directory", "O_PATH", "O_PATH of the directory", "chdir"];

for (const [from, to] of directions) {
  test(`by default ${from} finds out that a number of ${to} is in use`, async () => {
    expect(worked(await attack(field[from].place, "strict", field[to].victim))).toEqual(left);
  });
}

test("a /proc mounted as a server's is tells nothing, not even in its listing", async () => {
  const { place } = field["root in a context"];
  const { victim } = field["root of the main server"];
  const own = await place.victim();
  const seen = await place.run(
    `unshare --mount sh -c 'mount -t proc -o hidepid=ptraceable proc /proc; ls /proc; /tmp/attack strict ${victim.pid} ${victim.tid}'`,
  );
  expect(seen).not.toMatch(new RegExp(`^${victim.pid}$`, "m"));
  expect(seen).toMatch(new RegExp(`^${own.pid}$`, "m"));
  expect(seen).not.toContain(": ok");
  expect(seen).toContain("chdir: ENOENT");
});

// An O_PATH descriptor of the directory asks no hook; it opens nothing.
test("--strict closes the rest but for that one, and leaves one's own and context 1's", async () => {
  expect(await field["root of the main server"].place.run("vkernel load --strict; echo $?")).toBe("0\n");
  for (const [from, to] of directions) {
    expect(worked(await attack(field[from].place, "strict", field[to].victim))).toEqual(["O_PATH of the directory"]);
  }
  const { place, victim } = field["root in a context"];
  expect(worked(await attack(place, "strict", victim))).toEqual(left);
  expect(worked(await attack(field["context 1"].place, "strict", victim))).toEqual(left);
  expect(worked(await attack(place, "strict", { pid: 1, tid: 1, orders: "" }))).toEqual(left);
});
