import { expect, test } from "bun:test";
import { firstDynamicContext, firstGuestContext, lastContext } from "../../context/abi.ts";
import { freeContext } from "./context.ts";

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);
const dynamic = range(firstDynamicContext, lastContext);

test("a server gets the highest free id of those that are handed out, whatever conf files say", () => {
  const unasked = () => {
    throw new Error("asked for");
  };
  expect(freeContext(new Set(), unasked)).toBe(lastContext);
  expect(freeContext(new Set([lastContext, lastContext - 2]), unasked)).toBe(lastContext - 1);
});

test("users who have taken all of those keep no server from starting: it gets one that no conf file asks for", () => {
  const last = firstDynamicContext - 1;
  expect(freeContext(new Set(dynamic), () => new Set())).toBe(last);
  expect(freeContext(new Set([...dynamic, last]), () => new Set([last - 1]))).toBe(last - 2);
  expect(freeContext(new Set(range(firstGuestContext, lastContext)), () => new Set())).toBeUndefined();
});
