/** No test is left out, whichever kernels are asked for. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { kernels } from "../../machine/options.ts";
import { filesOn, onOneKernel } from "../places.ts";
import { root } from "./booted.ts";

const everybodys = ["tests/machine/contexts/a.test.ts", "tests/machine/unify/mark.test.ts"];
const dealt = Object.keys(onOneKernel).map((place) => (place.endsWith("/") ? `${place}a.test.ts` : place));
const files = [...everybodys, ...dealt];

test("all files run on both kernels but some, and each of those on just one", () => {
  const all = kernels.flatMap((kernel) => filesOn(kernel, kernels, files));
  expect(all.toSorted()).toEqual([...files, ...everybodys].sort());
});

test("one kernel by itself runs everything", () => {
  for (const kernel of kernels) expect(filesOn(kernel, [kernel], files)).toEqual(files);
});

test("what runs on one kernel is there", () => {
  for (const place of Object.keys(onOneKernel))
    expect(`${place} ${existsSync(`${root}/${place}`)}`).toBe(`${place} true`);
});
