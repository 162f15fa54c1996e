/** Sets the limits of a server that is set up: all it asks for, or none of a machine that cannot enforce one of them. */
import { startContextLimit } from "../../context/limits.ts";
import { VserverError } from "../../text/error.ts";
import { type Rate, unlimited } from "../conf/amounts.ts";
import { readGlobalConf } from "../conf/global.ts";
import { type LimitKey, type Limits, limitKeys } from "../conf/limits.ts";
import type { ServerConf } from "../conf/server.ts";
import { liftDisk } from "./disk.ts";
import { effectiveLimits } from "./effective.ts";
import { isInsideKey, keepInside } from "./inside.ts";
import { niceObstacle } from "./priority.ts";
import type { Obstacle, Place } from "./resource.ts";
import { type AnyResource, resources } from "./resources.ts";

const asked = (limits: Limits): readonly AnyResource[] => resources.filter(({ key }) => limits[key] !== undefined);

/** An unlimited value needs nobody to enforce it. */
const isLimit = (limits: Limits, key: LimitKey): boolean => limits[key] !== Number.POSITIVE_INFINITY;

function cannot({ name }: Place, key: string, { cause, wayOut }: Obstacle): VserverError {
  return new VserverError({
    object: `vserver ${name}`,
    attempt: `enforce its limit ${key}`,
    cause,
    wayOut: `${wayOut}, or set LIMITS=optional in /etc/vserver.conf`,
    exitCode: 69,
  });
}

/** @throws VserverError, the first of them, unless LIMITS=optional: then a line on standard error says each. */
function tell(problems: readonly VserverError[]): void {
  const [first] = problems;
  if (first !== undefined && readGlobalConf().conf.limits === "required") throw first;
  for (const problem of problems) console.error(problem.message);
}

/** Everything that is limited for a server that is being set up, before anything of it runs. @throws VserverError */
export async function startLimits(place: Place, conf: ServerConf): Promise<void> {
  // A record even without a limit: vlimit may set one later.
  if (place.xid !== null) {
    const generation = process.hrtime.bigint();
    startContextLimit(place.xid, { generation, files: undefined, leastNice: conf.nice, fixedProject: false });
  }
  const obstacle = conf.nice === undefined ? undefined : niceObstacle(place);
  if (obstacle !== undefined) tell([cannot(place, "S_NICE", obstacle)]);
  liftDisk(place);
  const limits = effectiveLimits(conf);
  keepInside(place.name, limits);
  // The plan that makes the namespaces sets those in them.
  const outside = limitKeys.filter((key) => !isInsideKey(key) && limits[key] !== undefined);
  const enforced = enforceable(place, Object.fromEntries(outside.map((key) => [key, limits[key]])));
  // When one fails the whole server is taken away again.
  for (const resource of enforced) await resource.set(place, limits[resource.key] as never);
}

/** @throws VserverError when one cannot be enforced here, unless LIMITS=optional: then a line on standard error says so. */
function enforceable(place: Place, limits: Limits): readonly AnyResource[] {
  const wanted = asked(limits).map((resource) => ({ resource, obstacle: resource.obstacle(place) }));
  tell(
    wanted.flatMap(({ resource: { key }, obstacle }) =>
      obstacle !== undefined && isLimit(limits, key) ? [cannot(place, key, obstacle)] : [],
    ),
  );
  return wanted.flatMap(({ resource, obstacle }) => (obstacle === undefined || obstacle.partial ? [resource] : []));
}

/** What lifts a limit that was not there before `value`. */
function lifted(value: unknown): unknown {
  if (typeof value === "number") return unlimited;
  return Array.isArray(value) ? value.map((rate: Rate) => ({ ...rate, amount: unlimited })) : "";
}

/** Sets limits of a server that runs: all, or none when one cannot be set. @throws VserverError */
export async function applyLimits(place: Place, limits: Limits): Promise<void> {
  const enforced = enforceable(place, limits);
  const before = enforced.map((resource) => resource.limit(place) ?? lifted(limits[resource.key]));
  for (const [at, resource] of enforced.entries()) {
    try {
      await resource.set(place, limits[resource.key] as never);
    } catch (thrown) {
      for (let done = at - 1; done >= 0; done--) await enforced[done]?.set(place, before[done] as never);
      throw thrown;
    }
  }
}
