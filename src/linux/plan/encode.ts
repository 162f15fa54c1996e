/** Writes plans down in the form `launch` reads (see ops.ts). */
import { errnoNumber, isErrnoName } from "../errno.ts";
import { type ArgumentKind, operationNames, operations, planMagic, planVersion, stepFlags } from "./ops.ts";
import type { ArgumentValue, Step, StepFailure } from "./step.ts";

export interface Plan {
  readonly steps: readonly Step[];
  /** Exit status of `launch` when a step fails: 1 to 255. */
  readonly exitStatus: number;
  /** Descriptor that gets the number of a failing step and its errno; without it `launch` prints the step's sentence. */
  readonly report?: number;
}

const utf8 = new TextEncoder();

/** Grows as it is written to; all numbers little-endian. */
class Bytes {
  #bytes = new Uint8Array(8192);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Where the next `size` bytes go; there is room for them. */
  #take(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
  u16(value: number): void {
    const at = this.#take(2);
    this.#view.setUint16(at, value, true);
  }
  u32(value: number): void {
    const at = this.#take(4);
    this.#view.setUint32(at, value, true);
  }
  whole(value: number): void {
    if (!Number.isSafeInteger(value)) throw new RangeError(`no whole number: ${value}`);
    this.u32(value);
    this.u32(Math.floor(value / 2 ** 32));
  }
  i64(value: bigint): void {
    const at = this.#take(8);
    this.#view.setBigInt64(at, value, true);
  }
  bytes(value: Uint8Array): void {
    this.u32(value.length);
    const at = this.#take(value.length + 1);
    this.#bytes.set(value, at);
  }
  text(value: string | Uint8Array): void {
    const hasNul = typeof value === "string" ? value.includes("\0") : value.includes(0);
    if (hasNul) throw new RangeError("a text of a plan holds a NUL");
    if (typeof value === "string") this.#utf8(value);
    else this.bytes(value);
  }
  /** As UTF-8 a character takes three bytes at most; what is not used is taken back. */
  #utf8(value: string): void {
    const start = this.#take(4 + 3 * value.length + 1) + 4;
    const { written } = utf8.encodeInto(value, this.#bytes.subarray(start, start + 3 * value.length));
    this.#view.setUint32(start - 4, written, true);
    this.#length = start + written + 1;
    this.#bytes[start + written] = 0;
  }
  result(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

/** A way out for any errno is number 0, after the particular ones: the first that fits is printed. */
function encodeFailure(out: Bytes, failure: StepFailure | undefined): void {
  out.text(failure === undefined ? "" : `${failure.object}: cannot ${failure.attempt}`.replace(/\s*\n\s*/g, " "));
  const { default: otherwise, ...named } =
    typeof failure?.wayOut === "string" ? { default: failure.wayOut } : (failure?.wayOut ?? {});
  const rows = Object.entries(named).map(([name, text]) => [isErrnoName(name) ? errnoNumber(name) : 0, text] as const);
  if (otherwise !== undefined) rows.push([0, otherwise]);
  out.u32(rows.length);
  for (const [number, text] of rows) {
    out.u32(number);
    out.text(text);
  }
}

function encodeArgument(out: Bytes, kind: ArgumentKind, value: ArgumentValue): void {
  if (kind === "i" && (typeof value === "number" || typeof value === "boolean")) out.whole(Number(value));
  else if (kind === "i" && typeof value === "bigint") out.i64(BigInt.asIntN(64, value));
  else if (kind === "s" && (typeof value === "string" || value instanceof Uint8Array)) out.text(value);
  else if (kind === "b" && value instanceof Uint8Array) out.bytes(value);
  else if (kind === "v" && Array.isArray(value)) {
    out.u32(value.length);
    for (const text of value) out.text(text);
  } else throw new TypeError(`no value of kind ${kind}: ${String(value)}`);
}

/**
 * The bytes of a plan.
 *
 * @throws RangeError for a text with a NUL in it or a number that is not whole.
 */
export function encodePlan(plan: Plan): Uint8Array {
  const out = new Bytes();
  for (const number of [planMagic, planVersion, plan.steps.length, plan.exitStatus]) out.u32(number);
  out.u32((plan.report ?? -1) >>> 0);
  for (const step of plan.steps) {
    out.u16(operationNames.indexOf(step.operation));
    out.u16(step.failure === "ignore" ? stepFlags.IGNORE : 0);
    // Who reads the report has the sentences.
    encodeFailure(out, step.failure === "ignore" || plan.report !== undefined ? undefined : step.failure);
    for (const [name, kind] of Object.entries(operations[step.operation])) {
      const value = step.arguments[name];
      if (value === undefined) throw new TypeError(`${step.operation} lacks ${name}`);
      encodeArgument(out, kind, value);
    }
  }
  return out.result();
}
