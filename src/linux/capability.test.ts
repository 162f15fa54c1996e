import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import {
  capabilityBit,
  capabilityNames,
  lastCapability,
  secureRemoved,
  secureRemoved2003,
  secureRemovedSince,
} from "./capability.ts";

const names = (mask: bigint) => capabilityNames.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n);

test("bit numbers are the kernel's", () => {
  const header = readFileSync("/usr/include/linux/capability.h", "latin1");
  const defined = [...header.matchAll(/^#define\s+(CAP_[A-Z_]+)\s+(\d+)\s*$/gm)].map((m) => [m[1], Number(m[2])]);
  expect(defined.length).toBeGreaterThan(30);
  expect(defined.filter(([name, bit]) => capabilityNames[Number(bit)] !== name)).toEqual([]);
});

test("names are found in any case, but not without CAP_", () => {
  expect(capabilityBit("cap_Net_Raw")).toBe(13);
  expect(capabilityBit("NET_RAW")).toBeUndefined();
  expect(capabilityBit("CAP_OPENDEV")).toBeUndefined();
});

test("the last capability is one the running kernel has", () => {
  expect(lastCapability()).toBeGreaterThanOrEqual(37);
});

test("--secure leaves a server what it had in 2003, plus SETFCAP and AUDIT_WRITE", () => {
  const kept =
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT SYS_PTRACE SYS_TTY_CONFIG LEASE AUDIT_WRITE SETFCAP";
  expect(names(~secureRemoved())).toEqual(kept.split(" ").map((name) => `CAP_${name}`));
  expect(names(secureRemoved2003()).length).toBe(15);
  expect(secureRemoved2003() & secureRemovedSince()).toBe(0n);
});

test("a capability that no table knows yet is removed too", () => {
  for (let bit = capabilityNames.length; bit < 64; bit++) expect((secureRemoved() >> BigInt(bit)) & 1n).toBe(1n);
});
