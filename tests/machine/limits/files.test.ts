/** Open files of a whole server: exact whatever its processes do with them, and the main server has its own. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type } from "../shell.ts";
import { makeServer, removeServer } from "./place.ts";

const limit = 300;

beforeAll(async () => {
  await makeServer("hog", `S_CONTEXT=721\nFILES=${limit}`);
  await type(`mkdir -p /vservers/hog/tmp; cc -O2 -static -o /vservers/hog/tmp/files /src/tests/machine/limits/files.c`);
  expect(await type("vserver --silent hog start")).toMatchObject({ status: 0 });
}, 240_000);
afterAll(async () => {
  await removeServer("hog");
});

async function files(): Promise<{ readonly used: number; readonly hits: number }> {
  const { output } = await type("vlimit --json hog");
  const row = (JSON.parse(output) as { key: string; used: number; hits: number }[]).find(({ key }) => key === "FILES");
  return { used: row?.used ?? Number.NaN, hits: row?.hits ?? Number.NaN };
}
const inside = (words: string) => type(`vserver hog exec /tmp/files ${words}`);

/** What was freed may be given back a moment later (RCU, delayed fput). */
async function settles(expected: number): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    if ((await files()).used === expected) break;
    await Bun.sleep(100);
  }
  return (await files()).used;
}

test("at the limit every kind of file is refused with ENFILE, and the main server opens on", async () => {
  const { used } = await files();
  for (const kind of ["open", "pipe", "socket", "socketpair", "eventfd", "epoll", "memfd", "accept"]) {
    const { output } = await inside(`fill ${kind}`);
    expect(output).toMatch(/^full at \d+: ENFILE\nagain after one was closed\n$/);
    const opened = Number(/\d+/.exec(output)?.[0]);
    expect(opened).toBeGreaterThan(limit - used - 40);
    expect(opened).toBeLessThanOrEqual(limit - used);
  }
  expect((await type("/vservers/hog/tmp/files many 1000")).output).toBe("opened 1000\n");
  expect((await files()).hits).toBeGreaterThan(0);
  expect(await settles(used)).toBe(used);
});

test("copies add nothing: dup, fork, and descriptors on their way to another process", async () => {
  const { used } = await files();
  expect((await inside("copies")).output).toBe("copied\n");
  expect(await settles(used)).toBe(used);
});

test("nothing stays counted when processes are killed with files open and in flight", async () => {
  const { used } = await files();
  await inside("die");
  expect(await settles(used)).toBe(used);
});

test("a file counts until it is gone: mapped, or kept by the main server", async () => {
  const { used } = await files();
  const { output } = await type(`
    vserver hog exec /tmp/files keep & sleep 3; vlimit --json hog | tr -d ' \\n' | grep -o '"FILES"[^}]*'; wait`);
  const kept = Number(/"used":(\d+)/.exec(output)?.[1]);
  // Its program and the one mapping, beside standard input, output and error, which were opened outside.
  expect(kept).toBeGreaterThan(used);
  expect(kept).toBeLessThan(used + 12);
  expect(await settles(used)).toBe(used);
});

test("the count is exact after a million opens and closes by four processes at once", async () => {
  const { used } = await files();
  const child = Bun.spawn(["vserver", "hog", "exec", "/tmp/files", "million"], { stdin: "ignore", stdout: "pipe" });
  expect(await child.stdout.text()).toBe("done\n");
  expect(await settles(used)).toBe(used);
}, 700_000);

test("the limit can be lifted and set again while the server runs", async () => {
  await type("vlimit hog --files unlimited");
  expect((await inside("many 400")).output).toBe("opened 400\n");
  await type(`vlimit hog --files ${limit}`);
  expect((await inside("many 400")).output).toMatch(/^refused after \d+: ENFILE\n$/);
});
