import { expect, test } from "bun:test";
import { parseMountTable } from "./fstab.ts";

const parse = (text: string) => parseMountTable(text, "f");
const MS_RDONLY = 1;
const MS_NODEV = 4;

test("bound directories, file systems, comments, escapes; device nodes are dead whatever is said", () => {
  const text = `# shared
/home /home none bind,ro 0 0

/srv/a\\040b /srv none rbind
none /tmp tmpfs size=16m,mode=1777
UUID=12-34 /data ext4 defaults,noauto
LABEL=data /data ext4 acl
`;
  expect(parse(text)).toEqual([
    {
      place: "f:2",
      source: "/home",
      target: "/home",
      type: undefined,
      recursive: false,
      flags: MS_NODEV | MS_RDONLY,
      data: "",
    },
    { place: "f:4", source: "/srv/a b", target: "/srv", type: undefined, recursive: true, flags: MS_NODEV, data: "" },
    {
      place: "f:5",
      source: "none",
      target: "/tmp",
      type: "tmpfs",
      recursive: false,
      flags: MS_NODEV,
      data: "size=16m,mode=1777",
    },
    {
      place: "f:7",
      source: "/dev/disk/by-label/data",
      target: "/data",
      type: "ext4",
      recursive: false,
      flags: MS_NODEV,
      data: "acl",
    },
  ]);
});

test("what is wrong is told with file and line", () => {
  for (const line of [
    "/home",
    "/a / none bind",
    "/a ../b none bind",
    "a /b none bind",
    "/a /b none bind,dev",
    "/a /b none bind,acl",
  ]) {
    expect(() => parse(`\n${line}\n`)).toThrow(/^f:2: cannot read this: /);
  }
});
