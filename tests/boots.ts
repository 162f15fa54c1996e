/**
 * The tests of one kernel, in as many boots of the test machine as it takes: when a machine dies, the folders that have not
 * ended run in another one. It is always told that a machine died; where two died in the same folder, that is the end.
 */

/** What a boot came to; the folders that ended have left their reports. */
export interface Boot {
  readonly status: number;
  /** Why the machine ended before its job did; undefined when it did not. */
  readonly death: string | undefined;
}

export interface Boots {
  /** Of the last boot; what failed in earlier ones is in the reports. */
  readonly status: number;
  /** Each with the folder of tests it happened in. */
  readonly deaths: readonly string[];
}

/**
 * @param folders of tests, in the order they run in
 * @param bootWith runs the tests of those folders; undefined when there is no time for that any more
 * @param hasEnded whether a folder's report is there
 */
export async function bootUntilEnded(
  folders: readonly string[],
  bootWith: (folders: readonly string[]) => Promise<Boot> | undefined,
  hasEnded: (folder: string) => boolean,
): Promise<Boots> {
  const deaths: string[] = [];
  const scenes = new Set<string>();
  for (let left = folders; ; ) {
    const boot = await bootWith(left);
    if (boot === undefined) return { status: 1, deaths };
    left = left.filter((folder) => !hasEnded(folder));
    const [scene] = left;
    if (boot.death === undefined) return { status: boot.status, deaths };
    deaths.push(`${boot.death}, ${scene === undefined ? "after the tests" : `in ${scene}`}`);
    if (scene === undefined || scenes.has(scene)) return { status: boot.status, deaths };
    scenes.add(scene);
  }
}
