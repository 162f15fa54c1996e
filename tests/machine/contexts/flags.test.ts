/** Flags of a context: none can be got round from inside, or taken back. */
import { beforeAll, expect, test } from "bun:test";
import { contextFlags, operations, pinDirectory } from "../../../src/context/abi.ts";
import { positions } from "./directions.ts";
import { type Place, place } from "./places.ts";
import { attackProgram } from "./program.ts";

let root: Place;
let program: string;
beforeAll(async () => {
  program = attackProgram();
  root = (await positions())["root of the main server"].place;
});

const asUser = ["setpriv", "--reuid", "user", "--regid", "user", "--init-groups"];

test("lock: no other context, no other flag, by nobody in it, nor by its children", async () => {
  const locked = await place("chcontext", "--silent", "--flag", "lock");
  const attempts = [
    `${operations.NEW}`,
    `${operations.ENTER} 4810`,
    `${operations.CREATE} 4810`,
    `${operations.FLAGS} 0 ${contextFlags.hideinfo}`,
  ];
  for (const words of attempts) expect(await locked.run(`sh -c '${program} call ${words}'`)).toStartWith("EPERM ");
  await locked.end();
});

test("flags are only added, by who made the context", async () => {
  const one = await place(...asUser, "chcontext", "--silent", "--flag", "sched");
  const answer = await one.run(
    `${program} call ${operations.FLAGS} 0 ${contextFlags.ulimit}; ${program} call ${operations.FLAGS} 0 0
     ${program} call ${operations.FLAGS} 0 ${contextFlags.held}; ${program} call ${operations.FLAGS} 0 128
     ${program} call ${operations.QUERY}`,
  );
  expect(answer.split("\n").map((line) => line.split(" ")[0])).toEqual(["ok", "ok", "EINVAL", "EINVAL", "ok", ""]);
  expect(answer).toContain(` flags ${(contextFlags.sched | contextFlags.ulimit).toString(16)} `);
  await one.end();
  const other = await place("chcontext", "--silent");
  expect(await other.run(`setpriv --reuid user --clear-groups ${program} call ${operations.FLAGS} 0 1`)).toStartWith(
    "EPERM ",
  );
  await other.end();
});

test("private: root of context 0 does not enter, held or not; context 1 sees it", async () => {
  const one = await place("chcontext", "--silent", "--ctx", "4811", "--flag", "private");
  const enter = `${program} call ${operations.ENTER} 4811`;
  expect(await root.run(enter)).toStartWith("EPERM ");
  await root.run(`${program} call ${operations.HOLD} 4811`);
  expect(await root.run(enter)).toStartWith("EPERM ");
  const { pid } = await one.victim();
  const spectator = (await positions())["context 1"].place;
  expect(await spectator.run(`cat /proc/${pid}/comm; grep -c '^${pid} 4811 ' ${pinDirectory}/processes`)).toBe(
    "attack\n1\n",
  );
  await root.run(`${program} call ${operations.RELEASE} 4811`);
  await one.end();
});

test("hideinfo: a process of the context learns neither number nor flags, by no call and from no list", async () => {
  const hidden = await place("chcontext", "--silent", "--ctx", "4812", "--flag", "hideinfo");
  const answer = await hidden.run(
    `${program} call ${operations.QUERY}; ${program} call ${operations.CEILING}; ${program} call ${operations.FLAGS} 0 0
     ${program} call ${operations.INSPECT} 4812 | grep -v '^EPERM xid 4812 flags 0 '; cat ${pinDirectory}/processes ${pinDirectory}/contexts; vinfo; echo end`,
  );
  expect(answer).toEndWith("end\n");
  expect(answer).toStartWith("EACCES xid 0 ");
  expect(answer).not.toContain("4812");
  expect(answer).not.toMatch(/flags (?!0)/);
  await hidden.end();
});

test("nproc: the context never has more tasks than the limit of who made it, however many ask", async () => {
  const limited = await place("prlimit", "--nproc=12", "chcontext", "--silent", "--flag", "nproc");
  // The shell, and the program that forks.
  expect(await limited.run(`${program} forks 40`)).toBe("born 10 refused 30 strayed 0 EAGAIN\n");
  await limited.end();
});
