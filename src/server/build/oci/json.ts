/** Looks into JSON that strangers wrote: what is not of the kind that is asked for is not there. */

export type Json = Readonly<Record<string, unknown>>;

export const object = (value: unknown): Json | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;

export const text = (value: unknown): string | undefined =>
  typeof value === "string" && !value.includes("\0") ? value : undefined;

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []) as readonly unknown[];

export const objects = (value: unknown): readonly Json[] =>
  list(value)
    .map(object)
    .filter((one) => one !== undefined);

/** All of them or none: half of a command is another command. */
export function texts(value: unknown): readonly string[] {
  const all = list(value).map(text);
  return all.every((one) => one !== undefined) ? all : [];
}

/** undefined when it is no JSON. */
export function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
