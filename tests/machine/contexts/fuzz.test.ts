/** Random calls of everybody at once leave no context behind and nothing in the kernel's log. */
import { afterAll, expect, test } from "bun:test";
import { operations, pinDirectory } from "../../../src/context/abi.ts";
import { leavePositions, positions } from "./directions.ts";
import { attackProgram } from "./program.ts";

// The calls have also set flags of the places' own contexts.
afterAll(leavePositions);

test("random operations, versions, sizes and flags, by root and users, in contexts and out", async () => {
  const program = attackProgram();
  const field = await positions();
  const root = field["root of the main server"].place;
  const before = await root.run("dmesg | wc -l");
  const list = `cut -d' ' -f1 ${pinDirectory}/contexts`;
  const standing = await root.run(list);
  const seed = 20031;
  const kinds = [
    "root of the main server",
    "a user of the main server",
    "root in a context",
    "a user in a context",
  ] as const;
  const done = await Promise.all(kinds.map((kind, at) => field[kind].place.run(`${program} fuzz ${seed + at} 60`)));
  expect(done).toEqual(kinds.map(() => "done\n"));
  // What root has held on to is let go; whoever was there before stays.
  const others = await root.run(
    `others() { grep -vE '^(${standing.trim().split("\n").join("|")}) ' ${pinDirectory}/contexts; }
     for try in $(seq 200); do
       for xid in $(${list}); do ${program} call ${operations.RELEASE} $xid >/dev/null; done
       [ "$(others)" ] || break; sleep 0.1
     done; others`,
  );
  expect(others).toBe("");
  expect(await root.run("dmesg | wc -l")).toBe(before);
  expect(await root.run("chcontext --silent echo well")).toBe("well\n");
});
