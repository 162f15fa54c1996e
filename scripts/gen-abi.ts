/** Writes the C header of src/context/abi.ts, with the version of the whole, to standard output. */
import * as abi from "../src/context/abi.ts";
import { version } from "../src/version.ts";

const upper = (name: string) => name.toUpperCase();
const cType = {
  u8: "unsigned char",
  u16: "unsigned short",
  u32: "unsigned int",
  s32: "int",
  u64: "unsigned long long",
} as const;
/** As the bytes stand in memory, read by a little-endian processor. */
const networkOrder = (value: bigint) => Buffer.from(value.toString(16).padStart(16, "0"), "hex").readBigUInt64LE();
const layoutLines = (name: string, { size, offsets }: { size: number; offsets: Readonly<Record<string, number>> }) => [
  `#define VS_${name}_SIZE ${size}`,
  ...Object.entries(offsets).map(([field, offset]) => `#define VS_${name}_${upper(field)} ${offset}`),
];
type Fields = readonly (readonly [name: string, type: keyof typeof cType, count?: number])[];
const structLines = (name: string, fields: Fields) => [
  `struct ${name} {`,
  ...fields.map(([field, type, count]) => `\t${cType[type]} ${field}${count === undefined ? "" : `[${count}]`};`),
  "};",
];
const lines = [
  "/* Generated from src/context/abi.ts. */",
  "#ifndef VSERVER_ABI_H",
  "#define VSERVER_ABI_H",
  `#define VS_VERSION ${JSON.stringify(version)}`,
  `#define VS_ABI_VERSION ${abi.abiVersion}`,
  `#define VS_PIN_DIRECTORY ${JSON.stringify(abi.pinDirectory)}`,
  `#define VS_UNIFIED_MARK ${JSON.stringify(abi.unifiedMark)}`,
  ...Object.entries(abi.operations).map(([name, value]) => `#define VS_OP_${name} ${value}`),
  ...Object.entries(abi.contextFlags).map(([name, value]) => `#define VS_FLAG_${upper(name)} ${value}u`),
  ...Object.entries(abi.bootRequests).map(([name, value]) => `#define VS_BOOT_${name} ${value}`),
  `#define VS_BOOT_RING ${abi.bootRing}`,
  ...Object.entries(abi.copyStates).map(([name, value]) => `#define VS_COPY_${name} ${value}`),
  `#define VS_COPY_SERVERS ${abi.copyServers}`,
  `#define VS_COPY_DEPTH ${abi.copyDepth}`,
  `#define VS_COPY_NAME ${abi.copyName}`,
  `#define VS_COPY_ROOT ${abi.copyRoot}`,
  `#define VS_COPY_RING ${abi.copyRing}`,
  `#define VS_HOST ${abi.hostContext}`,
  `#define VS_SPECTATOR ${abi.spectatorContext}`,
  `#define VS_FIRST_GUEST ${abi.firstGuestContext}`,
  `#define VS_FIRST_DYNAMIC ${abi.firstDynamicContext}`,
  `#define VS_LAST ${abi.lastContext}`,
  `#define VS_MOST_ADDRESSES ${abi.mostAddresses}`,
  `#define VS_LOOPBACK6 ${networkOrder(abi.loopback6Prefix)}ull`,
  `#define VS_NO_LEAST_NICE ${abi.noLeastNice}`,
  `#define VS_MOST_COUNTED_FILES ${abi.mostCountedFiles}`,
  ...layoutLines("GROUP", abi.groupLayout),
  ...layoutLines("LIMIT", abi.limitLayout),
  ...layoutLines("USAGE", abi.usageLayout),
  ...layoutLines("OWN_PROC", abi.ownProcLayout),
  ...structLines("vs_call", abi.callFields),
  ...structLines("vs_copy", abi.copyFields),
  "#endif",
];
console.log(lines.join("\n"));
