/** Many servers at once, but never too many, and none before those that go first: one that fails stops no other. */

export interface Ranked {
  /** The lower rank is done, completely, before the next one begins. */
  readonly rank: number;
}

export interface Outcome<Item, Result> {
  readonly item: Item;
  readonly milliseconds: number;
  /** What came of it, or what was thrown. */
  readonly result: { readonly ok: true; readonly value: Result } | { readonly ok: false; readonly thrown: unknown };
}

/**
 * Works on the items rank by rank, at most `parallel` at a time.
 *
 * @param report called as soon as an item is done
 * @returns the outcomes in the order they came
 */
export async function together<Item extends Ranked, Result>(
  items: readonly Item[],
  parallel: number,
  work: (item: Item) => Promise<Result>,
  report: (outcome: Outcome<Item, Result>) => void,
): Promise<readonly Outcome<Item, Result>[]> {
  const outcomes: Outcome<Item, Result>[] = [];
  const one = async (item: Item): Promise<void> => {
    const began = performance.now();
    const result = await work(item).then(
      (value) => ({ ok: true, value }) as const,
      (thrown: unknown) => ({ ok: false, thrown }) as const,
    );
    const outcome = { item, milliseconds: performance.now() - began, result };
    outcomes.push(outcome);
    report(outcome);
  };
  for (const rank of [...new Set(items.map((item) => item.rank))].sort((a, b) => a - b)) {
    const queue = items.filter((item) => item.rank === rank);
    const worker = async (): Promise<void> => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await one(item);
    };
    await Promise.all(Array.from({ length: Math.min(parallel, queue.length) }, worker));
  }
  return outcomes;
}
