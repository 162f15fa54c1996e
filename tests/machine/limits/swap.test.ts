/** SWAP: what does not fit into MEMORY goes to swap, so much and no more; with 0 nothing of the server ever does. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type } from "../shell.ts";
import { makeServer, removeServer } from "./place.ts";

const MiB = 1024 ** 2;
const swapFile = "/vservers/.swap";

beforeAll(async () => {
  const { output } = await type(
    `fallocate -l 160M ${swapFile} && chmod 600 ${swapFile} && mkswap ${swapFile} >/dev/null && swapon ${swapFile}`,
  );
  expect(output).toBe("");
  await makeServer("swaps", "S_CONTEXT=744\nMEMORY=48M\nSWAP=32M");
  expect(await type("vserver --silent swaps start")).toMatchObject({ status: 0 });
}, 240_000);
afterAll(async () => {
  await removeServer("swaps");
  await type(`swapoff ${swapFile}; rm ${swapFile}`);
});

/** Takes so much memory in the server and writes to all of it: `has it`, or the status of a process that was killed. */
const take = async (mebibytes: number): Promise<string> =>
  (
    await type(
      `vserver swaps exec python3 -c 'x = b"x" * (${mebibytes} << 20); print("has it")' 2>/dev/null || echo $?`,
    )
  ).output.trim();

/** The most swap the server has ever used since its start. */
const peak = () => Number(readFileSync("/sys/fs/cgroup/vserver-swaps/memory.swap.peak", "utf8"));

test("what does not fit into MEMORY is swapped out", async () => {
  expect(await take(64)).toBe("has it");
  expect(peak()).toBeGreaterThan(12 * MiB);
  expect(peak()).toBeLessThanOrEqual(32 * MiB);
});

test("who wants more than MEMORY and SWAP together is killed, with no more in swap than SWAP", async () => {
  expect(await take(120)).toBe("137");
  expect(peak()).toBeGreaterThan(30 * MiB);
  expect(peak()).toBeLessThanOrEqual(32 * MiB);
  const { output } = await type("vlimit swaps; vserver swaps running");
  expect(output).toMatch(/^SWAP +\S+ +32M +[1-9]\d*$/m);
  expect(output).toContain("Server swaps is running");
});

test("vlimit --swap changes a running server: none, and more than before", async () => {
  // What is there stays there, which a line says.
  expect(await type("vlimit swaps --swap 0")).toMatchObject({ status: 0 });
  expect(await take(64)).toBe("137");
  expect(await type("vlimit swaps --swap 96M")).toEqual({ status: 0, output: "" });
  expect(await take(104)).toBe("has it");
  expect(peak()).toBeGreaterThan(50 * MiB);
});

test("with SWAP=0 nothing of it is ever in swap, though the machine has some", async () => {
  expect(await type("vlimit --save swaps --swap 0 && vserver --silent swaps restart")).toMatchObject({ status: 0 });
  expect(await take(64)).toBe("137");
  expect(await take(24)).toBe("has it");
  expect(peak()).toBe(0);
}, 240_000);
