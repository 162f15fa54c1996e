/** A new tree that shares with another one whatever is neither configuration nor state; the rest is copied. */
import { closeSync, constants, openSync } from "node:fs";
import { beneath } from "../../linux/beneath.ts";
import { statusOf } from "../../linux/inode.ts";
import { foresee } from "../../unify/foresee.ts";
import { contentRules, rulePath } from "../../unify/paths.ts";
import { Replica, type ReplicaOptions, type ReplicaStats } from "../../unify/replicate.ts";
import { Root, shownPath } from "../../unify/root.ts";
import type { Nodes } from "../../unify/scan.ts";
import { openTree, scanTree } from "./tree.ts";

export interface ReplicaRequest {
  /** What messages are about. */
  readonly label: string;
  readonly source: string;
  /** An empty directory that nobody else reaches; for one that is only foreseen, the directory it would be in. */
  readonly target: string;
  readonly marks: boolean;
  /** Directories whose files are left out, as the administrator writes them. */
  readonly emptied: readonly string[];
  /** Told what could not be read, or not be shared. */
  readonly complain: (line: string) => void;
  /** Told of each file, by a path for people. */
  readonly made?: (how: "linked" | "copied", path: string) => void;
  /** Called now and then, with the number of files done and of those there are at least. */
  readonly breathe: (done: number, total: number) => void;
}

/** Milliseconds of work between two looks at signals. */
const breath = 50;

type Work = (root: Root, target: number, options: ReplicaOptions) => Promise<ReplicaStats>;

async function withSource(request: ReplicaRequest, work: Work): Promise<ReplicaStats> {
  const { label, source, target, marks, emptied, complain, made } = request;
  const root = Root.open(label, source);
  const rules = contentRules({ excluded: [], included: [] });
  const tree = await openTree(source, root, () => false, rules);
  const nodes: Nodes = new Map();
  try {
    scanTree(tree, nodes, {
      failed: (path, cause) => complain(`${label}: cannot read ${path}: ${cause}`),
      progress: () => {},
    });
    const empty = emptied
      .map(rulePath)
      .flatMap((path) => [path, beneath(source, (at) => at.realDirectory(path)) ?? path]);
    let breathed = performance.now();
    const descriptor = openSync(target, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      return await work(root, descriptor, {
        nodes,
        marks,
        ...(made === undefined ? {} : { made: (how, path) => made(how, shownPath(path)) }),
        leavesOut: (path) => empty.some((directory) => path.startsWith(`${directory}/`)),
        breathe: async (done) => {
          if (performance.now() - breathed < breath) return;
          // Signals are only heard between two turns of the event loop.
          await new Promise<void>((go) => setImmediate(go));
          request.breathe(done, nodes.size);
          breathed = performance.now();
        },
      });
    } finally {
      closeSync(descriptor);
    }
  } finally {
    root.close();
  }
}

/** @throws VserverError, with the tree half made */
export const replicate = (request: ReplicaRequest): Promise<ReplicaStats> =>
  withSource(request, async (root, target, options) => {
    const replica = new Replica(root, target, options);
    const stats = await replica.make();
    for (const [cause, files] of replica.refusals) {
      const what = `${files} ${files === 1 ? "file is" : "files are"}`;
      request.complain(`${request.label}: ${what} copied, not shared: ${cause}`);
    }
    return stats;
  });

/** What {@link replicate} would make; nothing is made. @throws VserverError */
export const foreseeReplica = (request: ReplicaRequest): Promise<ReplicaStats> =>
  withSource(request, (root, target, options) => foresee(root, statusOf(target).device, options));
