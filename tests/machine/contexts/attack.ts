/** What became of the attempts of one process on another. */
import type { Place, Victim } from "./places.ts";
import { attackProgram } from "./program.ts";

export type Topic =
  | "signals"
  | "pins"
  | "machine"
  | "events"
  | "ipc"
  | "sigio"
  | "received"
  | "held"
  | "tracing"
  | "limits"
  | "identity"
  | "clocks"
  | "processes"
  | "strict"
  | "ring"
  | "unified";

/** Every attempt of a topic with its result: "ok", or the name of the errno. */
export async function attack(
  from: Pick<Place, "run">,
  topic: Topic,
  on: Victim,
  ...more: string[]
): Promise<Map<string, string>> {
  const program = attackProgram();
  const text = await from.run(`${program} ${topic} ${on.pid} ${on.tid} ${more.join(" ")}`);
  const results = new Map<string, string>();
  for (const line of text.trim().split("\n")) {
    const [, name, result] = /^(.*): (ok|E[A-Z0-9]+)$/.exec(line) ?? [];
    if (name === undefined || result === undefined) throw new Error(`the attack ${topic} said: ${text}`);
    results.set(name, result);
  }
  return results;
}

/** The attempts that worked. */
export const worked = (results: ReadonlyMap<string, string>): string[] =>
  [...results].flatMap(([name, result]) => (result === "ok" ? [name] : []));
