/** No folder of tests is left out, whichever kernels are asked for. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { kernels } from "../../machine/options.ts";
import { foldersOn, onOneKernel } from "../places.ts";
import { root } from "./booted.ts";

const folders = ["tests/machine/contexts", ...onOneKernel, "tests/machine/server"].sort();
const everybodys = folders.filter((folder) => !onOneKernel.includes(folder));

test("all folders run on both kernels but some, and each of those on just one", () => {
  const all = kernels.flatMap((kernel) => foldersOn(kernel, kernels, folders));
  expect(all.toSorted()).toEqual([...folders, ...everybodys].sort());
});

test("one kernel by itself runs everything", () => {
  for (const kernel of kernels) expect(foldersOn(kernel, [kernel], folders)).toEqual(folders);
});

test("the folders that run on one kernel are there", () => {
  for (const folder of onOneKernel) expect(existsSync(`${root}/${folder}`)).toBe(true);
});
