/** bpf(2), as far as pinned objects go: open one, run it, change its elements, attach it. */
import { check } from "./errno.ts";
import { libc, memory } from "./libc.ts";

type Memory = ReturnType<typeof memory>;

/** Commands of linux/bpf.h. */
const commands = {
  mapLookup: 1,
  mapUpdate: 2,
  mapDelete: 3,
  objPin: 6,
  objGet: 7,
  attach: 8,
  testRun: 10,
  linkCreate: 28,
};
const systemCall = { x64: 321, arm64: 280 } as const;
const attributesSize = 80;

function bpf(command: keyof typeof commands, fill: (attributes: DataView) => void): number {
  const attributes = memory(attributesSize);
  fill(attributes.view);
  const number = systemCall[process.arch === "arm64" ? "arm64" : "x64"];
  return check("bpf", libc().syscall(number, commands[command], attributes.address, attributesSize));
}

function pathMemory(path: string): Memory {
  const text = new TextEncoder().encode(path);
  const copy = memory(text.length + 1);
  copy.bytes.set(text);
  return copy;
}

/** Runs `work` with a descriptor of the object pinned at `path`. @throws SystemCallError */
export function withPinned<Result>(path: string, work: (descriptor: number) => Result): Result {
  const text = pathMemory(path);
  const descriptor = bpf("objGet", (view) => view.setBigUint64(0, BigInt(text.address), true));
  try {
    return work(descriptor);
  } finally {
    libc().close(descriptor);
  }
}

/** Pins the object behind a descriptor. */
export function pinObject(descriptor: number, path: string): void {
  const text = pathMemory(path);
  bpf("objPin", (view) => {
    view.setBigUint64(0, BigInt(text.address), true);
    view.setUint32(8, descriptor, true);
  });
}

/** Runs a program of type `syscall` as this task, with `context` going in and out. */
export function runProgram(descriptor: number, context: Memory): void {
  bpf("testRun", (view) => {
    view.setUint32(0, descriptor, true);
    view.setUint32(40, context.bytes.length, true);
    view.setBigUint64(48, BigInt(context.address), true);
  });
}

function element(command: "mapLookup" | "mapUpdate" | "mapDelete", map: number, key: Memory, value?: Memory): void {
  bpf(command, (view) => {
    view.setUint32(0, map, true);
    view.setBigUint64(8, BigInt(key.address), true);
    if (value !== undefined) view.setBigUint64(16, BigInt(value.address), true);
  });
}

/** Writes an element. */
export const updateElement = (map: number, key: Memory, value: Memory): void => element("mapUpdate", map, key, value);
/** Reads an element into `value`. @throws SystemCallError: ENOENT when there is none */
export const readElement = (map: number, key: Memory, value: Memory): void => element("mapLookup", map, key, value);
export const deleteElement = (map: number, key: Memory): void => element("mapDelete", map, key);

const BPF_F_ALLOW_MULTI = 2;

/** Attaches a program to a control group, beside those that are there; it goes with the group. */
export function attachToGroup(program: number, group: number, attachType: number): void {
  bpf("attach", (view) => {
    view.setUint32(0, group, true);
    view.setUint32(4, program, true);
    view.setUint32(8, attachType, true);
    view.setUint32(12, BPF_F_ALLOW_MULTI, true);
  });
}

/** Attaches a program to a network device (by index) or another target; returns the link's descriptor. */
export function createLink(program: number, target: number, attachType: number): number {
  return bpf("linkCreate", (view) => {
    view.setUint32(0, program, true);
    view.setUint32(4, target, true);
    view.setUint32(8, attachType, true);
  });
}
