import { expect, test } from "bun:test";
import { chooseMirror } from "./mirror.ts";

test("Debian's own archive is chosen among apt's sources, not the security one and not somebody else's", () => {
  const targets = [
    "http://other.example/apt/ nodistro nodistro Other Packages",
    "http://mirror.example/debian-security/ bookworm-security Debian Debian-Security Packages",
    "http://mirror.example/debian/ bookworm Debian Debian Translations",
    "http://mirror.example/debian/ bookworm Debian Debian Packages",
  ].join("\n");
  expect(chooseMirror(targets)).toBe("http://mirror.example/debian/");
});

test("before the first apt-get update the suite's name tells", () => {
  const targets = [
    "http://other.example/apt/ nodistro $(ORIGIN) $(LABEL) Packages",
    "http://mirror.example/debian-security/ bookworm-security $(ORIGIN) $(LABEL) Packages",
    "http://mirror.example/debian/ bookworm $(ORIGIN) $(LABEL) Packages",
  ].join("\n");
  expect(chooseMirror(targets)).toBe("http://mirror.example/debian/");
});

test("a machine without a Debian source has none", () => {
  expect(chooseMirror("http://other.example/ jammy Ubuntu Ubuntu Packages\n")).toBeUndefined();
});
