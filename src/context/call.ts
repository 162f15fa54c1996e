/** The new system calls, typed: the one place in TypeScript that knows the layout of `struct vs_call`. */
import { runProgram, withPinned } from "../linux/bpf.ts";
import { errnoNumber, SystemCallError } from "../linux/errno.ts";
import { memory } from "../linux/libc.ts";
import {
  abiVersion,
  type callFields,
  callLayout,
  fullCeiling,
  type Operation,
  operations,
  pinDirectory,
} from "./abi.ts";
import { type AddressSet, decodeAddresses, encodeAddresses } from "./addresses.ts";

/** The pinned call. */
export const callPath = `${pinDirectory}/call`;

export interface CallRequest extends Partial<AddressSet> {
  readonly operation: Operation;
  readonly xid?: number;
  readonly flags?: number;
  /** Capabilities that may be used, as a bit mask; without it all. */
  readonly ceiling?: bigint;
}

export interface ContextRecord extends AddressSet {
  readonly xid: number;
  readonly flags: number;
  readonly ceiling: bigint;
  readonly tasks: number;
  readonly owner: number;
}

type Field = (typeof callFields)[number][0];
const offset = (field: Field): number => callLayout.offsets[field] ?? 0;

/** The bytes of `struct vs_call` for a request. */
export function encodeCall(request: CallRequest): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(callLayout.size));
  const view = new DataView(bytes.buffer);
  view.setUint32(offset("version"), abiVersion, true);
  view.setUint32(offset("operation"), operations[request.operation], true);
  view.setUint32(offset("xid"), request.xid ?? 0, true);
  view.setUint32(offset("flags"), request.flags ?? 0, true);
  view.setBigUint64(offset("ceiling"), request.ceiling ?? fullCeiling, true);
  encodeAddresses(bytes, callLayout, request);
  return bytes;
}

/** What the call returned. Its `result` field is not part of the record: {@link callKernel} throws it. */
export function decodeCall(bytes: Uint8Array): ContextRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, callLayout.size);
  return Object.freeze({
    xid: view.getUint32(offset("xid"), true),
    flags: view.getUint32(offset("flags"), true),
    ceiling: view.getBigUint64(offset("ceiling"), true),
    ...decodeAddresses(bytes, callLayout),
    tasks: view.getUint32(offset("tasks"), true),
    owner: view.getUint32(offset("owner"), true),
  });
}

/** What comes back for a request, whatever version the kernel half is of; the errno is in `result`. */
function answer(request: CallRequest): ReturnType<typeof memory> {
  const call = memory(callLayout.size);
  call.bytes.set(encodeCall(request));
  withPinned(callPath, (descriptor) => runProgram(descriptor, call));
  return call;
}

/**
 * Asks the kernel half. Operations that move a process into a context are `launch`'s: this process may have threads.
 *
 * @throws SystemCallError: ENOENT when the kernel half is not loaded, EINVAL when it is of another version (but RELEASE is
 * done), else the errno of the operation.
 */
export function callKernel(
  request: CallRequest & { readonly operation: "QUERY" | "HOLD" | "RELEASE" | "INSPECT" },
): ContextRecord {
  const { bytes, view } = answer(request);
  const result = view.getInt32(offset("result"), true);
  if (result < 0) throw new SystemCallError(request.operation, -result);
  if (request.operation === "QUERY" && view.getUint32(offset("version"), true) !== abiVersion) {
    throw new SystemCallError(request.operation, errnoNumber("EINVAL"));
  }
  return decodeCall(bytes);
}

/** What a kernel half of every version tells. */
export interface Identity {
  /** Whether it is of the version of these tools. */
  readonly ours: boolean;
  /** The context of the caller; undefined when it may not know. */
  readonly xid: number | undefined;
}

/** @throws SystemCallError: ENOENT when the kernel half is not loaded. */
export function identity(): Identity {
  const { view } = answer({ operation: "QUERY" });
  const result = view.getInt32(offset("result"), true);
  return {
    // The first ones knew no other version, and said only that.
    ours: view.getUint32(offset("version"), true) === abiVersion && result !== -errnoNumber("EINVAL"),
    xid: result < 0 ? undefined : view.getUint32(offset("xid"), true),
  };
}
