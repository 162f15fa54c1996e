/** What src/unify proves of files that are unified while it is killed holds on btrfs as well. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type } from "../shell.ts";
import { makeDisk, removeDisk } from "./place.ts";

const mounted = "/mnt/unify-btrfs";

beforeAll(async () => {
  await type("vkernel load");
  await makeDisk("btrfs", mounted);
});
afterAll(() => removeDisk(mounted));

/** Their trees are made where temporary files are. */
const prove = (file: string) =>
  type(`cd /src && TMPDIR=${mounted} KILLS=5 bun test --timeout 300000 ./src/unify/${file}.test.ts`);

test("killed, every name has the content and the attributes it had", async () => {
  const { status, output } = await prove("killed");
  expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining(" 1 pass") });
});
