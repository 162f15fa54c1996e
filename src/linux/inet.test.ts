import { expect, test } from "bun:test";
import { deviceInet } from "./device.ts";
import { canonicalInet, inetText, isIpv6, parseInet, parseIpv4, prefixBits } from "./inet.ts";

test("dotted addresses, and nothing that only looks like one", () => {
  for (const good of ["0.0.0.0", "10.0.0.2", "255.255.255.255"]) expect(parseIpv4(good)).toBe(good);
  for (const bad of ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.", "1.2.3.x", "1e1.0.0.1", " 1.2.3.4"]) {
    expect(parseIpv4(bad)).toBeUndefined();
  }
});

test("IPv6 addresses are written as RFC 5952 says, an IPv4-mapped one is the IPv4 address", () => {
  const rows = [
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0db8::0001", "2001:db8::1"],
    ["fe80:0:0:0:1:0:0:0", "fe80::1:0:0:0"],
    ["::ffff:10.0.0.2", "10.0.0.2"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"],
  ] as const;
  for (const [text, canonical] of rows) expect(canonicalInet(text)).toBe(canonical);
});

test("what is no IPv6 address is none", () => {
  const bad = ["", ":", ":::", "1::2::3", "12345::", "g::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::"];
  for (const text of [...bad, "::1.2.3", "::256.0.0.1", "1::2%eth0", "1.2.3.4"]) expect(isIpv6(text)).toBe(false);
});

test("any 16 bytes come back from their text", () => {
  for (let round = 0; round < 2000; round++) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    for (let at = 0; at < 16; at++) if (Math.random() < 0.6) bytes[at] = 0;
    const text = inetText(bytes);
    expect(parseInet(text)).toEqual(bytes);
    // The URL parser's own idea of the same address.
    if (text.includes(":")) expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`);
  }
});

test("netmasks are prefixes or ones before zeros", () => {
  const good = [
    ["0", 0],
    ["24", 24],
    ["32", 32],
    ["255.255.255.0", 24],
    ["255.255.255.255", 32],
    ["0.0.0.0", 0],
  ] as const;
  for (const [text, bits] of good) expect(prefixBits(text, 32)).toBe(bits);
  for (const bad of ["", "33", "-1", "255.0.255.0", "0.0.0.255", "24.0"]) expect(prefixBits(bad, 32)).toBeUndefined();
  expect(prefixBits("64", 128)).toBe(64);
  for (const bad of ["129", "255.255.255.0"]) expect(prefixBits(bad, 128)).toBeUndefined();
});

test("a device has its addresses, a name that is none has nothing", () => {
  expect(deviceInet("lo")?.map(({ address }) => address)).toContain("127.0.0.1");
  for (const name of ["nosuchdevice", "", "..", "../net/lo", "10.0.0.1"]) expect(deviceInet(name)).toBeUndefined();
});
