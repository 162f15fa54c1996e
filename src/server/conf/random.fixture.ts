/** Repeatable chance for the fuzz tests: the same seed gives the same inputs. */

export interface Random {
  readonly seed: number;
  /** 0 ≤ whole number < `below`. */
  below(below: number): number;
  pick<T>(list: readonly [T, ...T[]] | readonly T[]): T;
  chance(percent: number): boolean;
}

/** The mulberry32 generator. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const below = (limit: number) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
  const pick = <T>(list: readonly T[]): T => {
    const index = below(list.length);
    const found = list.find((_, at) => at === index);
    if (found === undefined) throw new Error("nothing to pick from");
    return found;
  };
  return { seed, below, pick, chance: (percent) => below(100) < percent };
}

/** Whether one seed is repeated, rather than many taken. */
export const isRepeated = /^\d+$/.test(process.env["FUZZ_SEED"] ?? "");

/**
 * Runs `body` `times` times, each with a seed of its own; a failure names the seed. The same seeds each time, so that what
 * fails is what was changed; `FUZZ_SEED=any` takes others, `FUZZ_SEED=N` repeats one.
 */
export function fuzz(times: number, body: (random: Random) => void): void {
  const asked = process.env["FUZZ_SEED"] ?? "20031";
  const first = asked === "any" ? Math.floor(Math.random() * 2 ** 31) : Number(asked);
  for (let run = 0; run < (isRepeated ? 1 : times); run++) {
    try {
      body(random(first + run));
    } catch (thrown) {
      throw new Error(`fails with FUZZ_SEED=${first + run}: ${thrown instanceof Error ? thrown.message : thrown}`, {
        cause: thrown,
      });
    }
  }
}
