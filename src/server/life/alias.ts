/** The addresses a server brings along: added to devices at start, removed at stop, left alone when they were there. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  addAddress,
  addVlan,
  type DeviceAddress,
  deviceAddresses,
  devices,
  refuseDuplicate,
  removeAddress,
  removeDevice,
  settle,
} from "../../linux/ip.ts";
import type { ServerName } from "../name.ts";
import { stateDirectory } from "../paths.ts";
import { writeStateFile } from "./state.ts";

interface Added {
  readonly aliases: readonly DeviceAddress[];
  /** VLAN devices made for them. */
  readonly devices: readonly string[];
}

const aliasFile = (name: ServerName): string => join(stateDirectory(name), "aliases.json");

/** `DEV:NAME`, `DEV:NAME1`, `DEV:NAME2` …, as the aliases of 2003 were called. */
const label = (name: ServerName, device: string, at: number): string => `${device}:${name}${at === 0 ? "" : at}`;

/** Adds them; what is added is noted first, so that an interrupted start can be cleaned up. */
export async function addAliases(name: ServerName, aliases: readonly DeviceAddress[]): Promise<void> {
  if (aliases.length === 0) return;
  const known = devices();
  const vlans = [...new Set(aliases.map(({ device }) => device))].filter((device) => !known.includes(device));
  await Promise.all(aliases.map(refuseDuplicate));
  const added: Added = { aliases, devices: vlans };
  writeStateFile(name, aliasFile(name), JSON.stringify(added));
  for (const device of vlans) addVlan(device);
  aliases.forEach((alias, at) => {
    addAddress(alias, label(name, alias.device, at));
  });
  await settle(aliases);
}

/** Removes what {@link addAliases} added; safe to repeat. */
export function dropAliases(name: ServerName): void {
  if (!existsSync(aliasFile(name))) return;
  const added = JSON.parse(readFileSync(aliasFile(name), "utf8")) as Added;
  const present = deviceAddresses();
  for (const alias of added.aliases) {
    const same = (one: DeviceAddress) => one.device === alias.device && one.address === alias.address;
    if (present.some(same)) removeAddress(alias);
  }
  const known = devices();
  for (const device of added.devices) if (known.includes(device)) removeDevice(device);
}
