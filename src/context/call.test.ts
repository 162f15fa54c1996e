import { expect, test } from "bun:test";
import { abiVersion, callLayout, fullCeiling } from "./abi.ts";
import { decodeCall, encodeCall } from "./call.ts";

test("a request stands at the offsets of struct vs_call", () => {
  const addresses = [
    { address: "2001:db8::2", prefix: 64 },
    { address: "10.0.0.2", prefix: 24 },
  ];
  const bytes = encodeCall({ operation: "ENTER", xid: 7, flags: 9, ceiling: 5n, addresses, broadcast: "10.0.0.255" });
  const view = new DataView(bytes.buffer);
  const { offsets, size } = callLayout;
  const at = (field: string) => offsets[field] ?? -1;
  expect(view.byteLength).toBe(size);
  expect(view.getUint32(at("version"), true)).toBe(abiVersion);
  expect(view.getUint32(at("operation"), true)).toBe(2);
  expect(view.getUint32(at("xid"), true)).toBe(7);
  expect(view.getUint32(at("flags"), true)).toBe(9);
  expect(view.getBigUint64(at("ceiling"), true)).toBe(5n);
  expect(view.getUint32(at("broadcast"), false)).toBe(0x0a0000ff);
  expect([view.getUint16(at("count4"), true), view.getUint16(at("count"), true)]).toEqual([1, 2]);
  // IPv4 first, as ::ffff:10.0.0.2/120; network byte order.
  expect([...bytes.subarray(at("prefixes"), at("prefixes") + 3)]).toEqual([120, 64, 0]);
  expect(view.getUint32(at("addresses") + 8, false)).toBe(0xffff);
  expect(view.getUint32(at("addresses") + 12, false)).toBe(0x0a000002);
  expect(view.getUint32(at("addresses") + 16, false)).toBe(0x20010db8);
});

test("what is encoded is decoded; nothing asked for is no restriction", () => {
  const addresses = [
    { address: "192.168.1.1", prefix: 30 },
    { address: "2001:db8::2", prefix: 64 },
    { address: "fe80::1", prefix: 10 },
  ];
  const record = { xid: 300, flags: 0xffffffff, ceiling: fullCeiling, addresses, tasks: 0, owner: 0 };
  const request = { operation: "NEW", ...record, broadcast: "192.168.1.3" } as const;
  expect(decodeCall(encodeCall(request))).toEqual({ ...record, broadcast: "192.168.1.3" });
  const nothing = { ceiling: fullCeiling, addresses: [], broadcast: undefined, xid: 0 };
  expect(decodeCall(encodeCall({ operation: "QUERY" }))).toMatchObject(nothing);
});

test("more than 16 addresses are refused", () => {
  const addresses = Array.from({ length: 17 }, (_, at) => ({ address: `10.0.0.${at + 1}`, prefix: 24 }));
  expect(() => encodeCall({ operation: "ADDRESS", addresses })).toThrow("16");
});
