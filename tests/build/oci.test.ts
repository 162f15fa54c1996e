/** Servers from container images: what the layers say and nothing else, whoever has made them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeNest, type Nest, vserver } from "../life/nest.ts";
import { architecture, archive, type Entry, type ImageSpec, writeDockerArchive, writeLayout } from "./image.ts";

let nest: Nest;
let top = "";
beforeAll(async () => {
  nest = await makeNest();
  top = mkdtempSync(join(tmpdir(), "vserver-image-"));
}, 20_000);
afterAll(() => {
  nest.end();
  rmSync(top, { recursive: true, force: true });
});

let count = 0;
/** Builds a server of it; its name is new. */
function build(image: string, ...options: string[]) {
  const name = `image${++count}`;
  const ended = nest.run(vserver, name, "build", "--method", "oci", ...options, image);
  const tree = join(nest.directory, "servers", name);
  const conf = () => readFileSync(join(nest.directory, "conf", `${name}.conf`), "utf8");
  return { ...ended, name, tree, conf, at: (path: string) => join(tree, path) };
}

const read = (path: string): string => readFileSync(path, "utf8");

const base: readonly Entry[] = [
  { path: "etc", type: "directory" },
  { path: "etc/passwd", content: "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33:web:/srv:/bin/sh\n" },
  { path: "etc/shadow", content: "root::1::::::\n", mode: 0o640 },
  { path: "usr", type: "directory" },
  { path: "usr/one", content: "lower one" },
  { path: "usr/two", content: "lower two" },
  { path: "usr/twin", type: "hard link", target: "usr/two" },
  { path: "usr/gone", type: "directory" },
  { path: "usr/gone/deep", content: "x" },
  { path: "usr/opaque", type: "directory" },
  { path: "usr/opaque/old", content: "x" },
  { path: "usr/changing", type: "directory" },
  { path: "usr/changing/inside", content: "x" },
  { path: "usr/becomes", content: "x" },
  { path: "run", type: "directory" },
  { path: "var", type: "directory" },
  { path: "var/run", type: "link", target: "/run" },
  { path: "srv", type: "directory", mode: 0o1777, owner: 33 },
];
/** No UTF-8, and all that tar has to write otherwise in a list; a byte a character. */
const odd = "usr/odd \n\t\\ \xfc";
const upper: readonly Entry[] = [
  { path: `${odd}/`, type: "directory", mode: 0o711 },
  { path: "usr/.wh.gone" },
  { path: "usr/one", content: "upper one", mode: 0o4755, owner: 33 },
  { path: "usr/opaque", type: "directory", mode: 0o700 },
  { path: "usr/opaque/.wh..wh..opq" },
  { path: "usr/opaque/new", content: "new" },
  { path: "usr/changing", type: "link", target: "one" },
  { path: "usr/becomes", type: "directory" },
  { path: "usr/becomes/filled", content: "x" },
  // Without an entry for the directory: what it is like is not this layer's business.
  { path: "srv/page", content: "hello" },
  { path: "var/run/started", content: "x" },
];

for (const compression of [undefined, "gzip", "zstd"] as const) {
  test(`layers lie one over the other, ${compression ?? "not compressed"}`, () => {
    const layout = join(top, `layers-${compression}`);
    writeLayout(layout, [{ layers: [base, upper], ...(compression === undefined ? {} : { compression }) }]);
    const built = build(layout);
    expect([built.status, built.out]).toEqual([0, expect.stringContaining("has been populated")]);
    expect(read(built.at("usr/one"))).toBe("upper one");
    expect(statSync(built.at("usr/one"))).toMatchObject({ mode: 0o104755, uid: 33, gid: 33, mtimeMs: 1e12 });
    expect(statSync(built.at("usr/two")).ino).toBe(statSync(built.at("usr/twin")).ino);
    expect(existsSync(built.at("usr/gone"))).toBe(false);
    expect(existsSync(built.at("usr/opaque/old"))).toBe(false);
    expect(read(built.at("usr/opaque/new"))).toBe("new");
    expect(statSync(built.at("usr/opaque")).mode & 0o7777).toBe(0o700);
    expect(readlinkSync(built.at("usr/changing"))).toBe("one");
    expect(lstatSync(Buffer.from(built.at(odd), "latin1")).mode & 0o7777).toBe(0o711);
    expect(read(built.at("usr/becomes/filled"))).toBe("x");
    expect(statSync(built.at("srv"))).toMatchObject({ mode: 0o41777, uid: 33 });
    expect(read(built.at("srv/page"))).toBe("hello");
    expect(readlinkSync(built.at("var/run"))).toBe("/run");
    expect(read(built.at("run/started"))).toBe("x");
    expect(existsSync(built.at("usr/.wh.gone")) || existsSync(built.at("usr/opaque/.wh..wh..opq"))).toBe(false);
    // What every method does to a tree.
    expect(read(built.at("etc/hostname"))).toBe(`${built.name}\n`);
    expect(read(built.at("etc/shadow"))).toStartWith("root:*:");
  });
}

const marked = (name: string): readonly Entry[] => [
  { path: "etc", type: "directory" },
  { path: "etc/mark", content: name },
];

test("a layout as an archive; of several images the one of the tag, of several machines this one", () => {
  const layout = join(top, "several");
  const image = (tag: string, architecture: string): ImageSpec => ({
    ...{ tag, architecture, layers: [marked(`${tag} ${architecture}`)], compression: "gzip" },
  });
  writeLayout(layout, [
    image("one", "s390x"),
    image("one", architecture),
    image("two", architecture),
    image("far", "s390x"),
  ]);
  const file = join(top, "several:copy.tar");
  expect(Bun.spawnSync(["tar", "-C", layout, "-cf", file, "."]).exitCode).toBe(0);
  for (const path of [layout, file]) {
    const one = build(`${path}:one`);
    expect([one.status, one.err]).toEqual([0, expect.stringContaining("no init")]);
    expect(read(one.at("etc/mark"))).toBe(`one ${architecture}`);
    expect(read(build(`${path}:two`).at("etc/mark"))).toBe(`two ${architecture}`);
    const refused = [path, `${path}:three`, `${path}:far`].map((words) => build(words));
    expect(refused.map(({ status }) => status)).toEqual([1, 1, 1]);
    const [several, none, far] = refused.map(({ err }) => err);
    expect(several).toContain("it has several images: say which with PATH:TAG; there is one, two, far\n");
    expect(none).toContain("it has no image three; there is one, two, far\n");
    expect(far).toContain(`it is for linux/s390x, not for linux/${architecture}\n`);
    for (const { tree } of refused) expect(existsSync(tree)).toBe(false);
  }
});

test("what docker save wrote before it wrote layouts", () => {
  const file = join(top, "docker.tar");
  writeDockerArchive(file, { name: "docker.io/library/thing:1.0", layers: [base, upper] });
  for (const words of [file, `${file}:1.0`, `${file}:docker.io/library/thing:1.0`]) {
    expect(read(build(words).at("usr/one"))).toBe("upper one");
  }
  expect(build(`${file}:2.0`).err).toContain("it has no image 2.0; there is docker.io/library/thing:1.0\n");
});

test("content that is not what its digest says makes no server", () => {
  const layout = join(top, "digests");
  const blobs = join(layout, "blobs/sha256");
  const changes: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
    ["a byte of a file", (bytes) => Buffer.from(bytes.toString("latin1").replace("lower", "LOWER"), "latin1")],
    ["something behind its end", (bytes) => Buffer.concat([bytes, Buffer.alloc(1 << 20)])],
    ["its end cut off", (bytes) => bytes.subarray(0, bytes.length - 512)],
  ];
  for (const [what, change] of changes) {
    rmSync(layout, { recursive: true, force: true });
    writeLayout(layout, [{ layers: [base] }]);
    for (const file of [...new Bun.Glob("*").scanSync(blobs)]) {
      const bytes = readFileSync(join(blobs, file));
      if (bytes.includes("lower one")) writeFileSync(join(blobs, file), change(bytes));
    }
    const { status, err, tree } = build(layout);
    expect([what, status, err]).toEqual([what, 1, expect.stringMatching(/is not what its digest sha256:\w+ says/)]);
    expect(existsSync(tree)).toBe(false);
  }
  // The documents as well as the layers, and what is missing.
  for (const part of ["manifests", "diff_ids"]) {
    rmSync(layout, { recursive: true, force: true });
    writeLayout(layout, [{ layers: [base], settings: { Labels: { part } } }]);
    const wanted = part === "manifests" ? '"layers":[' : '"diff_ids"';
    for (const file of new Bun.Glob("*").scanSync(blobs)) {
      const text = read(join(blobs, file));
      if (text.startsWith("{") && text.includes(wanted)) writeFileSync(join(blobs, file), `${text} `);
    }
    expect(build(layout).err).toMatch(/is not what its digest sha256:\w+ says/);
  }
  rmSync(blobs, { recursive: true });
  expect(build(layout).err).toMatch(/blobs\/sha256\/\w+ is missing/);
  expect(build("/etc/passwd").err).toContain("it is no archive");
  expect(build("/etc/ssl").err).toContain("neither an index.json");
});

/** Bytes of an archive's last member, its content not filled up to a block. */
const lastContent = Buffer.from("no zeros after this");
const shortEnd: readonly Entry[] = [
  { path: "etc/", type: "directory" },
  { path: "etc/first", content: Buffer.alloc(512, "1") },
  { path: "etc/twin", type: "hard link", target: "etc/first" },
  { path: "etc/last", content: Buffer.concat([Buffer.alloc(1024, "a"), lastContent]) },
];

/** The same by GNU tar, with headers of its own for what does not fit into the standard's. */
function byTar(format: string): Buffer {
  const [from, file] = [join(top, format), join(top, `${format}.tar`)];
  const path = `etc/${"long".repeat(40)}`;
  expect(Bun.spawnSync(["mkdir", "-p", join(from, "etc")]).exitCode).toBe(0);
  writeFileSync(join(from, path), "first");
  writeFileSync(join(from, "etc/last"), Buffer.concat([Buffer.alloc(1024, "a"), lastContent]));
  const tar = (...words: string[]) =>
    expect(Bun.spawnSync(["tar", `--format=${format}`, "-C", from, "-f", file, ...words]).exitCode).toBe(0);
  tar("--create", "--exclude=last", "etc");
  tar("--append", "etc/last");
  return readFileSync(file);
}

test("an archive without its end, as umoci insert writes it, is taken; one that is cut in a header or a member is not", () => {
  const layout = join(top, "unended");
  const whole = archive(shortEnd);
  const contentEnd = (bytes: Buffer) => bytes.lastIndexOf(lastContent) + lastContent.length;
  const blocks = (bytes: Buffer) => Math.ceil(contentEnd(bytes) / 512) * 512;
  const [gnu, pax] = [byTar("gnu"), byTar("pax")];
  const taken: readonly (readonly [string, Buffer])[] = [
    ["at the end of the content", whole.subarray(0, contentEnd(whole))],
    ["of a format of GNU tar", gnu.subarray(0, contentEnd(gnu))],
    ["of POSIX.1-2001", pax.subarray(0, contentEnd(pax))],
    ["within the zeros that fill up a block", whole.subarray(0, contentEnd(whole) + 7)],
    ["at the end of a block", whole.subarray(0, blocks(whole))],
    ["within the first block of zeros", whole.subarray(0, blocks(whole) + 100)],
    ["within the second", whole.subarray(0, blocks(whole) + 700)],
  ];
  const refused: readonly (readonly [string, Buffer])[] = [
    ["a byte of the content before", whole.subarray(0, contentEnd(whole) - 1)],
    ["a block of it before", whole.subarray(0, blocks(whole) - 512)],
    ["of a format of GNU tar", gnu.subarray(0, contentEnd(gnu) - 1)],
    ["of POSIX.1-2001", pax.subarray(0, contentEnd(pax) - 1)],
    ["after a header", whole.subarray(0, blocks(whole) - 3 * 512)],
    ["in a header, behind its checksum", whole.subarray(0, blocks(whole) - 3 * 512 - 200)],
    ["in a header", whole.subarray(0, blocks(whole) - 3 * 512 - 500)],
    ["in the first header", whole.subarray(0, 300)],
  ];
  const compressions = [undefined, "gzip", "zstd"] as const;
  for (const [at, [where, layer]] of [...taken, ...refused].entries()) {
    const compression = compressions[at % compressions.length];
    rmSync(layout, { recursive: true, force: true });
    writeLayout(layout, [{ layers: [base, layer], ...(compression === undefined ? {} : { compression }) }]);
    const built = build(layout);
    if (at < taken.length) {
      expect([where, built.status, built.err]).toEqual([where, 0, expect.stringContaining("no init")]);
      expect([where, read(built.at("etc/last"))]).toEqual([where, `${"a".repeat(1024)}${lastContent}`]);
    } else {
      expect([where, built.status, built.err]).toEqual([
        where,
        1,
        expect.stringMatching(/blobs\/sha256\/\w+ ends too early; /),
      ]);
      expect([where, existsSync(built.tree)]).toEqual([where, false]);
    }
  }
});

/** As process 1: tells who and where it is, then waits for the signal that it is to end by. */
const service = `#!/bin/sh
trap 'echo ended by QUIT; exit 0' QUIT
echo "$$ $(id -u):$(id -g):$(id -G) $PWD $HOME $GREETING $*"
while :; do sleep 0.1; done
`;

/** An image whose programs are those of this machine, put there by a mount. */
function serviceImage(layout: string, settings: object): void {
  const links = ["bin", "lib", "lib64", "sbin"].map((path) => ({ path, type: "link", target: `usr/${path}` }) as const);
  const more: readonly Entry[] = [
    { path: "usr/sbin/", type: "directory" },
    { path: "etc/group", content: "root:x:0:\nweb:x:33:\nmore:x:50:web\n" },
    { path: "opt/service", content: service, mode: 0o755 },
  ];
  writeLayout(layout, [
    { layers: [[...base.filter(({ path }) => !path.startsWith("usr/")), ...links, ...more]], settings },
  ]);
}

test("an image's service is process 1 of the server: its words, environment, user, directory and signal", async () => {
  const layout = join(top, "service");
  serviceImage(layout, {
    ...{ Entrypoint: ["/opt/service", "one"], Cmd: ["two words"], Env: ["GREETING=hello there", "PATH=/usr/bin:/bin"] },
    ...{ User: "web", WorkingDir: "/srv/made/by/build", StopSignal: "SIGQUIT" },
  });
  const built = build(layout);
  expect(built.status).toBe(0);
  expect(built.out).toContain('process 1 will be ["/opt/service","one","two words"] as web, as the image says');
  expect(built.conf()).toContain("fakeinit");
  writeFileSync(join(nest.directory, "conf", `${built.name}.fstab`), "/usr /usr none bind,ro\n");
  writeFileSync(join(nest.directory, "conf", `${built.name}.conf`), 'IPROOT=0.0.0.0\nS_FLAGS="fakeinit"\n');
  const log = built.at("var/log/command.log");
  try {
    expect(nest.run(vserver, built.name, "start")).toMatchObject({ status: 0, err: "" });
    for (let tries = 0; tries < 100 && !read(log).includes("\n"); tries++) await Bun.sleep(20);
    expect(read(log)).toBe("1 33:33:33 50 /srv/made/by/build /srv hello there one two words\n");
    expect(lstatSync(log)).toMatchObject({ uid: 33, gid: 33 });
    const began = Date.now();
    expect(nest.run(vserver, built.name, "stop")).toMatchObject({ status: 0, err: "" });
    expect(Date.now() - began).toBeLessThan(5000);
    expect(read(log)).toEndWith("\nended by QUIT\n");
  } finally {
    nest.run(vserver, "--silent", built.name, "stop");
  }
}, 60_000);

test("a command that cannot be run is told, and nothing runs", () => {
  const layout = join(top, "broken");
  serviceImage(layout, { Cmd: ["no-such-program"], User: "nobody-here" });
  const { name, at } = build(layout);
  writeFileSync(join(nest.directory, "conf", `${name}.fstab`), "/usr /usr none bind,ro\n");
  writeFileSync(join(nest.directory, "conf", `${name}.conf`), 'IPROOT=0.0.0.0\nS_FLAGS="fakeinit"\n');
  const started = (command: string) => {
    writeFileSync(at("etc/vserver-command.json"), command);
    return nest.run(vserver, name, "start");
  };
  const first = nest.run(vserver, name, "start");
  expect(first).toMatchObject({ status: 1, err: expect.stringContaining("cannot become nobody-here: no such user") });
  const told = [
    ['{"command":["no-such-program"]}', "cannot run its no-such-program: no such file or directory"],
    ['{"command":["sh"],"directory":"/none"}', "cannot change into its /none: no such file or directory"],
    ['{"command":"sh"}', "command is no list of words"],
    ['{"command":["sh"],"stopSignal":"SIGNOT"}', "stopSignal is no signal's name"],
    ["{", "it is no JSON"],
  ] as const;
  for (const [command, words] of told) {
    const { status, err } = started(command);
    expect([command, status, err.toLowerCase()]).toEqual([command, 1, expect.stringContaining(words.toLowerCase())]);
    expect(nest.run(vserver, name, "running").status).toBe(1);
  }
}, 60_000);

test("no layer writes outside of its tree, nor brings a device", () => {
  const victim = join(top, "victim");
  writeFileSync(victim, "mine");
  const outside = join(top, "outside");
  const up = "../".repeat(12);
  const attacks: Record<string, readonly (readonly Entry[])[]> = {
    "a path with ..": [[{ path: `${up}${outside.slice(1)}`, content: "x" }]],
    "an absolute path": [[{ path: outside, content: "x" }]],
    "through an absolute link of the same layer": [
      [
        { path: "way", type: "link", target: top },
        { path: "way/outside", content: "x" },
      ],
    ],
    "through a link of the layer below": [
      [{ path: "way", type: "link", target: top }],
      [
        { path: "way/outside", content: "x" },
        { path: "way/victim", content: "theirs" },
      ],
    ],
    "through a link with .. of the layer below": [
      [{ path: "way", type: "link", target: `${up}${top.slice(1)}` }],
      [{ path: "way/outside", content: "x" }],
    ],
    "a whiteout through a link": [
      [{ path: "way", type: "link", target: top }],
      [{ path: "way/.wh.victim" }, { path: "way/.wh..wh..opq" }],
    ],
    "whiteouts of what is above": [[{ path: "usr/.wh..." }, { path: "usr/.wh.." }, { path: "usr/.wh." }]],
    "a hard link": [[{ path: "stolen", type: "hard link", target: victim }]],
    "a hard link through a link": [
      [
        { path: "way", type: "link", target: top },
        { path: "stolen", type: "hard link", target: "way/victim" },
      ],
    ],
    "a device": [[{ path: "sda", type: "character", mode: 0o666 }]],
  };
  for (const [what, layers] of Object.entries(attacks)) {
    const layout = join(top, "attack");
    rmSync(layout, { recursive: true, force: true });
    writeLayout(layout, [{ layers: [base, ...layers] }]);
    const { status, err, tree, at } = build(layout);
    expect([what, existsSync(outside), read(victim)]).toEqual([what, false, "mine"]);
    expect([what, lstatSync(victim).nlink]).toEqual([what, 1]);
    if (status !== 0) {
      expect([what, err.split("\n").length, existsSync(tree)]).toEqual([what, 2, false]);
      continue;
    }
    expect([what, existsSync(at("sda"))]).toEqual([what, false]);
    expect([what, existsSync(at("usr/one"))]).toEqual([what, true]);
  }
});

test("an image whose blobs are links shows nothing of the machine", () => {
  const layout = join(top, "links");
  writeLayout(layout, [{ layers: [base] }]);
  const secret = join(top, "secret");
  writeFileSync(secret, JSON.stringify({ schemaVersion: 2, manifests: [{ secret: "told" }] }));
  rmSync(join(layout, "index.json"));
  expect(Bun.spawnSync(["ln", "-s", secret, join(layout, "index.json")]).exitCode).toBe(0);
  const { status, err } = build(layout);
  expect([status, err]).toEqual([1, expect.stringContaining("neither an index.json")]);
});
