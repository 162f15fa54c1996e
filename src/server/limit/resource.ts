/** What a limited resource is to whoever sets, shows or logs limits: one value of this type for each key. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupRoot } from "../../linux/cgroup.ts";
import { systemWords } from "../../linux/system-error.ts";
import { VserverError } from "../../text/error.ts";
import { type LimitKey, type Limits, limitWords } from "../conf/limits.ts";
import { type Controller, hasController, serverGroup } from "../life/cgroup.ts";
import type { ServerName } from "../name.ts";

/** A server that is set up: where its limits are written. */
export interface Place {
  readonly name: ServerName;
  /** Root of its tree. */
  readonly directory: string;
  /** Its context; null when it runs on namespaces alone. */
  readonly xid: number | null;
}

/** Why a limit cannot be enforced on this machine. */
export interface Obstacle {
  readonly cause: string;
  readonly wayOut: string;
  /** It can be set all the same, and holds for whoever does not go out of his way. */
  readonly partial?: true;
}

export type LimitValue<Key extends LimitKey> = NonNullable<Limits[Key]>;

export interface Resource<Key extends LimitKey = LimitKey> {
  readonly key: Key;
  /** Undefined when it can be enforced. */
  obstacle(place: Place): Obstacle | undefined;
  /** Enforces it from now on; an unlimited value lifts it. @throws VserverError */
  set(place: Place, value: LimitValue<Key>): void | Promise<void>;
  /** The value in force; undefined = none. */
  limit(place: Place): LimitValue<Key> | undefined;
  /** How much is used now, in the unit of the key; undefined where that is no single number. */
  used(place: Place): number | undefined;
  /** How often it was hit since the server was started; undefined where nobody counts. */
  hits(place: Place): number | undefined;
}

/** Text of a file of the server's control group; undefined when it is not there. */
export function groupText(name: ServerName, file: string): string | undefined {
  const path = join(serverGroup(name), file);
  return existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
}

/** The number after `word` in a file of `word number` lines. */
export function groupCount(name: ServerName, file: string, word: string): number | undefined {
  const found = new RegExp(`^${word} ([0-9]+)$`, "m").exec(groupText(name, file) ?? "")?.[1];
  return found === undefined ? undefined : Number(found);
}

/** The number in a file; `max` is Infinity. */
export function groupNumber(name: ServerName, file: string): number | undefined {
  const text = groupText(name, file);
  if (text === undefined) return undefined;
  return text === "max" ? Number.POSITIVE_INFINITY : Number(text);
}

/** Writes a file of the group. @throws VserverError that names the key. */
export function writeGroup<Key extends LimitKey>(
  place: Place,
  key: Key,
  value: LimitValue<Key>,
  file: string,
  text: string,
) {
  try {
    writeFileSync(join(serverGroup(place.name), file), text);
  } catch (thrown) {
    throw new VserverError({
      object: `vserver ${place.name}`,
      attempt: `set ${key} to ${limitWords(key, { [key]: value })}`,
      cause: systemWords(thrown) ?? String(thrown),
      wayOut: `${file} of its control group takes no ${text}`,
    });
  }
}

/** An obstacle where the controller is missing. */
export function needsController(controller: Controller): Obstacle | undefined {
  if (hasController(cgroupRoot(), controller)) return undefined;
  return {
    cause: `the cgroup v2 hierarchy of this machine has no ${controller} controller`,
    wayOut: `boot without cgroup v1 and without cgroup_disable=${controller}`,
  };
}

/** An obstacle to what only the kernel half holds. */
export function needsContext({ xid }: Place): Obstacle | undefined {
  if (xid !== null) return undefined;
  return {
    cause: "it has no security context (CONTEXTS=optional)",
    wayOut: "boot a kernel that vkernel check approves of",
  };
}

/** A limit that is one number in one file of the group, `max` for none. */
export interface NumberFile<Key extends LimitKey> {
  readonly key: Key;
  readonly controller: Controller;
  readonly file: string;
  /** File with what is used. */
  readonly current?: string;
  /** File with the number of hits, and the word before it. */
  readonly events?: readonly [file: string, word: string];
}

type NumberKey = { [Key in LimitKey]: LimitValue<Key> extends number ? Key : never }[LimitKey];

export function numberFile<Key extends NumberKey>(one: NumberFile<Key>): Resource<Key> {
  return {
    key: one.key,
    obstacle: () => needsController(one.controller),
    set: (place, value) => writeGroup(place, one.key, value, one.file, Number.isFinite(value) ? `${value}` : "max"),
    limit: ({ name }) => {
      const value = groupNumber(name, one.file);
      return (value === Number.POSITIVE_INFINITY ? undefined : value) as LimitValue<Key> | undefined;
    },
    used: ({ name }) => (one.current === undefined ? undefined : groupNumber(name, one.current)),
    hits: ({ name }) => (one.events === undefined ? undefined : groupCount(name, ...one.events)),
  };
}
