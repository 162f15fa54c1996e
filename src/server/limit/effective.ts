/** What a conf file amounts to: the keys of 2003 (flags nproc and sched, S_NICE, ULIMIT) as limits of today. */
import type { Limits } from "../conf/limits.ts";
import type { ServerConf } from "../conf/server.ts";
import type { ResourceLimit } from "../conf/ulimit.ts";
import { clampPriority, niceWeight } from "./priority.ts";

/** With the flag nproc the process limit of ULIMIT counts for all users of the server together. */
function processLimit(conf: ServerConf): number | undefined {
  if (!conf.flags.includes("nproc")) return undefined;
  const limit = conf.ulimit.find((one) => one.resource === "nproc");
  return limit?.soft ?? limit?.hard;
}

/** Terminals are a pool of the machine, of which servers share three thousand: none gets them all by default. */
const usualTerminals = 256;

/** Limits of the whole server; a key of its own goes before a flag. */
export function effectiveLimits(conf: ServerConf): Limits {
  const number = conf.limits.NPROC ?? processLimit(conf);
  const weighed = conf.flags.includes("sched") || conf.nice !== undefined;
  const weight = conf.limits.CPU_WEIGHT ?? (weighed ? niceWeight(conf.nice ?? 0) : undefined);
  return {
    PTYS: usualTerminals,
    ...conf.limits,
    ...(number === undefined ? {} : { NPROC: number }),
    ...(weight === undefined ? {} : { CPU_WEIGHT: weight }),
  };
}

/** Limits of each process by itself, or of each user. */
export function limitsOfEach(conf: ServerConf): readonly ResourceLimit[] {
  const own = conf.ulimit.filter((limit) => limit.resource !== "nproc" || !conf.flags.includes("nproc"));
  return clampPriority(own, conf.nice);
}
