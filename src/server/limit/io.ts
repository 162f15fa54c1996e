/** Block input and output of the whole server, delayed writes of its page cache included (ext4, XFS, btrfs). */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type DeviceNumber, deviceBelow, deviceName, ioScheduler, namedDevice, wholeDisk } from "../../linux/block.ts";
import { cgroupRoot } from "../../linux/cgroup.ts";
import { VserverError } from "../../text/error.ts";
import type { Rate } from "../conf/amounts.ts";
import { serverGroup } from "../life/cgroup.ts";
import {
  groupNumber,
  groupText,
  needsController,
  type Obstacle,
  type Place,
  type Resource,
  writeGroup,
} from "./resource.ts";

type RateKey = "IO_READ" | "IO_WRITE" | "IO_READ_OPS" | "IO_WRITE_OPS";

function treeDisk(place: Place): DeviceNumber | undefined {
  const device = deviceBelow(place.directory);
  return device === undefined ? undefined : wholeDisk(device);
}

function diskOf(place: Place, key: RateKey, rate: Rate): DeviceNumber {
  const device = rate.device === undefined ? deviceBelow(place.directory) : namedDevice(rate.device);
  const disk = device === undefined ? undefined : wholeDisk(device);
  if (disk !== undefined) return disk;
  throw new VserverError({
    object: `vserver ${place.name}`,
    attempt: `set ${key}`,
    cause: rate.device === undefined ? `${place.directory} is on no block device` : `there is no disk ${rate.device}`,
    wayOut: "name one: DEVICE=RATE; lsblk lists them",
  });
}

/** A rate of io.max, whose lines are `254:0 rbps=max wbps=1048576 riops=max wiops=max`. */
function rateOf(key: RateKey, word: "rbps" | "wbps" | "riops" | "wiops"): Resource<RateKey> {
  return {
    key,
    obstacle: () => needsController("io"),
    set(place, value) {
      for (const rate of value as readonly Rate[]) {
        const amount = Number.isFinite(rate.amount) ? rate.amount : "max";
        writeGroup(place, key, value, "io.max", `${diskOf(place, key, rate)} ${word}=${amount}`);
      }
    },
    limit({ name }) {
      const lines = (groupText(name, "io.max") ?? "").split("\n");
      const rates = lines.flatMap((line) => {
        const amount = new RegExp(`\\b${word}=([0-9]+)`).exec(line)?.[1];
        const device = deviceName(line.split(" ")[0] as DeviceNumber);
        return amount === undefined ? [] : [{ device, amount: Number(amount) }];
      });
      return rates.length === 0 ? undefined : rates;
    },
    used: () => undefined,
    hits: () => undefined,
  };
}

export const ioRates = [
  rateOf("IO_READ", "rbps"),
  rateOf("IO_WRITE", "wbps"),
  rateOf("IO_READ_OPS", "riops"),
  rateOf("IO_WRITE_OPS", "wiops"),
] as const;

/** Nobody weighs requests unless the device's scheduler is BFQ or the io.cost model is switched on for it. */
function nobodyWeighs(place: Place): Obstacle | undefined {
  const disk = treeDisk(place);
  if (disk === undefined) return { cause: `${place.directory} is on no block device`, wayOut: "leave IO_WEIGHT out" };
  const models = join(cgroupRoot(), "io.cost.qos");
  const model = existsSync(models) && new RegExp(`^${disk} enable=1`, "m").test(readFileSync(models, "utf8"));
  if (model || ioScheduler(disk) === "bfq") return undefined;
  const name = deviceName(disk);
  return {
    cause: `${name} has neither the scheduler bfq nor the io.cost model`,
    wayOut: `modprobe bfq && echo bfq >/sys/block/${name}/queue/scheduler`,
  };
}

/** BFQ's own scale ends at 1000. */
const mostOfBfq = 1000;

export const ioWeight: Resource<"IO_WEIGHT"> = {
  key: "IO_WEIGHT",
  obstacle: (place) => needsController("io") ?? nobodyWeighs(place),
  set(place, value) {
    writeGroup(place, "IO_WEIGHT", value, "io.weight", `default ${value}`);
    if (!existsSync(join(serverGroup(place.name), "io.bfq.weight"))) return;
    writeGroup(place, "IO_WEIGHT", value, "io.bfq.weight", `${Math.min(value, mostOfBfq)}`);
  },
  limit: ({ name }) => {
    const weight = /^default ([0-9]+)$/m.exec(groupText(name, "io.weight") ?? "")?.[1];
    return weight === undefined ? groupNumber(name, "io.bfq.weight") : Number(weight);
  },
  used: () => undefined,
  hits: () => undefined,
};
