/** What a test machine is asked for, parsed from the command line into checked values. */
import { resolve } from "node:path";
import type { Arguments } from "../src/text/arguments.ts";
import { UsageError } from "../src/text/error.ts";
import { guestParts } from "./parts/guests.ts";

export const kernels = ["6.12", "7"] as const;
export type Kernel = (typeof kernels)[number];

export interface Share {
  readonly from: string;
  readonly to: string;
}

export interface MachineOptions {
  readonly kernel: Kernel;
  readonly shares: readonly Share[];
  /** Seconds; none for a machine that runs until its user leaves it. */
  readonly timeout: number | undefined;
  readonly install: readonly string[];
  /** Trees for virtual servers; none named means all. */
  readonly guests: readonly string[];
  readonly disk: string | undefined;
  /** Disk image that the machine lives on, whose changes are kept. */
  readonly keep: string | undefined;
  /** Process 1 is Debian's. */
  readonly systemd: boolean;
  /** MiB. */
  readonly memory: number;
  readonly cpus: number;
  readonly icount: boolean;
  readonly append: readonly string[];
}

export const isKernel = (name: string): name is Kernel => (kernels as readonly string[]).includes(name);

/** @throws UsageError naming the option whose value makes no sense. */
export function machineOptions(tool: string, args: Arguments, defaultTimeout?: number): MachineOptions {
  const complain = (text: string) => new UsageError(tool, text);
  const whole = (flag: string, text: string): number => {
    if (!/^[1-9][0-9]{0,6}$/.test(text)) throw complain(`${flag} wants a whole number above 0, not ${text}`);
    return Number(text);
  };
  const number = (flag: string, otherwise: number) => whole(flag, args.value(flag) ?? String(otherwise));
  const kernel = args.value("--kernel") ?? "6.12";
  if (!isKernel(kernel)) throw complain(`there is no kernel ${kernel} here, only ${kernels.join(" and ")}`);
  const timeout = args.value("--timeout");
  const disk = args.value("--disk");
  const keep = args.value("--keep");
  if (disk !== undefined && keep !== undefined) throw complain("--disk is never changed, --keep is: only one of them");
  const shares = args.values("--share").map((text) => {
    const at = text.lastIndexOf(":");
    const share = { from: resolve(text.slice(0, at)), to: text.slice(at + 1) };
    if (at < 1 || !share.to.startsWith("/")) throw complain(`--share wants HOSTDIR:/PATH, not ${text}`);
    return share;
  });
  const guests = args.values("--guest");
  const unknown = guests.find((name) => !guestParts.has(name));
  if (unknown !== undefined) throw complain(`there is no tree ${unknown}, only ${[...guestParts.keys()].join(", ")}`);
  const icount = args.has("--icount");
  return Object.freeze({
    kernel,
    shares,
    timeout: timeout === undefined ? defaultTimeout : whole("--timeout", timeout),
    install: args.values("--install"),
    guests,
    disk: disk === undefined ? undefined : resolve(disk),
    keep: keep === undefined ? undefined : resolve(keep),
    systemd: args.has("--systemd"),
    memory: number("--memory", 2048),
    cpus: icount ? 1 : number("--cpus", 2),
    icount,
    append: args.values("--append"),
  });
}
