/** IO_READ, IO_WRITE and their operations: what goes past the page cache, and what leaves it, takes its time. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type } from "../shell.ts";
import { makeServer, removeServer } from "./place.ts";

beforeAll(async () => {
  await makeServer("drip", "S_CONTEXT=745");
  const { output, status } = await type(
    "dd if=/dev/urandom of=/vservers/drip/tmp/file bs=1M count=6 conv=fsync 2>/dev/null; vserver --silent drip start",
  );
  expect({ output, status }).toMatchObject({ status: 0 });
}, 240_000);
afterAll(async () => {
  await removeServer("drip");
});

const rates = () => readFileSync("/sys/fs/cgroup/vserver-drip/io.max", "utf8").trim();

/** Seconds a dd in the server takes, by its own account. */
async function seconds(words: string): Promise<number> {
  const { output } = await type(`vserver drip exec dd ${words}`);
  const found = /copied, ([\d.e+-]+) s/.exec(output)?.[1];
  if (found === undefined) throw new Error(output);
  return Number(found);
}

/** The kernel gives out what a rate allows in slices of a tenth of a second, the first at once. */
const slack = 0.25;

const read = "if=/tmp/file of=/dev/null iflag=direct";
const write = "if=/dev/zero of=/tmp/file conv=notrunc oflag=direct";

test("a server without such a limit has none in the kernel, and reads and writes", async () => {
  expect(rates()).toBe("");
  expect(await seconds(`${read} bs=256K count=24`)).toBeGreaterThan(0);
  expect(await seconds(`${write} bs=256K count=24`)).toBeGreaterThan(0);
});

/** An option of vlimit, the value, what dd has to do, and how many seconds that takes at the least. */
const cases = [
  ["--io-read", "2M", "6 MiB", `${read} bs=256K count=24`, 3],
  ["--io-write", "2M", "6 MiB", `${write} bs=256K count=24`, 3],
  ["--io-write", "2M", "6 MiB through the page cache", "if=/dev/zero of=/tmp/late bs=256K count=24 conv=fsync", 3],
  ["--io-read-ops", "40", "120 reads", `${read} bs=4K count=120`, 3],
  ["--io-write-ops", "40", "120 writes", `${write} bs=4K count=120`, 3],
] as const;

for (const [option, value, what, words, least] of cases) {
  test(`${what} with vlimit ${option} ${value} take ${least} seconds; lifted, nothing is left of it`, async () => {
    expect(await type(`vlimit drip ${option} ${value}`)).toEqual({ status: 0, output: "" });
    expect(await seconds(words)).toBeGreaterThan(least - slack);
    expect(await type(`vlimit drip ${option} unlimited`)).toEqual({ status: 0, output: "" });
    expect(rates()).toBe("");
  });
}

test("what the conf file says holds from the start on", async () => {
  expect(
    await type("vlimit --save drip --io-read 2M --io-read-ops 1000 && vserver --silent drip restart"),
  ).toMatchObject({ status: 0 });
  expect(rates()).toMatch(/^\d+:0 rbps=2097152 wbps=max riops=1000 wiops=max$/);
  expect(await seconds(`${read} bs=256K count=24`)).toBeGreaterThan(3 - slack);
}, 240_000);
