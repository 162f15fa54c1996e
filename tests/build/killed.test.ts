/** A build is killed with SIGKILL, at each step or while a tool works: the same command again succeeds, and nothing is left beside. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { killAt, momentsOf } from "../life/killer.ts";
import { makeNest, type Nest, vserver } from "../life/nest.ts";
import { writeLayout } from "./image.ts";

let nest: Nest;
beforeAll(async () => {
  nest = await makeNest();
}, 20_000);
afterAll(() => nest.end());

const lower = [
  { path: "etc/", type: "directory" },
  { path: "etc/passwd", content: "root:x:0:0:root:/root:/bin/sh\n" },
  { path: "etc/init.d/gone", content: "gone" },
] as const;
const upper = [{ path: "etc/init.d/.wh.gone" }, { path: "etc/init.d/rc", content: "#!/bin/sh\n" }];

test("at each step", async () => {
  const name = `image-${process.pid}`;
  const [image, file] = [join(nest.directory, "image"), join(nest.directory, "image.tar")];
  writeLayout(image, [{ layers: [lower, upper], compression: "gzip" }]);
  expect(nest.run("tar", "-C", image, "-cf", file, ".").status).toBe(0);
  const build = [name, "build", "--method", "oci", file];
  const left = () => ["servers", "conf"].flatMap((path) => readdirSync(join(nest.directory, path)));
  const tree = (path: string) => existsSync(join(nest.directory, "servers", name, path));
  const succeeds = (...words: readonly string[]) =>
    expect({ words, ...nest.run(vserver, "--silent", ...words) }).toMatchObject({ words, status: 0, err: "" });

  const moments = await momentsOf(nest, ...build);
  expect(moments.length).toBeGreaterThan(20);
  for (const moment of moments) {
    succeeds(name, "delete", "--yes");
    killAt(nest, moment, ...build);
    // Under its name there is the whole tree, or none.
    if (tree("")) expect({ moment, whole: tree("etc/hostname") }).toEqual({ moment, whole: true });
    succeeds(...build);
    expect({ moment, left: left() }).toEqual({ moment, left: [name, `${name}.conf`] });
    expect([tree("etc/init.d/rc"), tree("etc/init.d/gone")]).toEqual([true, false]);
  }
}, 300_000);

/** In place of debootstrap: writes into the tree, from sessions of their own as well, and ends only when `$1/quick` is there. */
const tool = (directory: string) => `#!/bin/sh
for word; do case $word in */tree) tree=$word ;; esac; done
mkdir -p "$tree/etc" && : >"$tree/etc/passwd"
[ ! -e ${directory}/quick ] || exit 0
for writer in 1 2 3; do setsid sh -c 'while :; do echo $$ >>"$1/etc/written"; done' sh "$tree" & done
until [ -s "$tree/etc/written" ]; do :; done
echo >${directory}/working
while :; do sleep 1000; done
`;

test("while a tool works: it ends with vserver, and the next build has the place for itself", async () => {
  const name = `tool-${process.pid}`;
  const inNest = (file: string) => join(nest.directory, file);
  const [fake, working, quick] = [inNest("tool"), inNest("working"), inNest("quick")];
  writeFileSync(fake, tool(nest.directory));
  chmodSync(fake, 0o755);
  for (const one of ["mmdebstrap", "debootstrap"]) {
    const path = Bun.which(one);
    if (path !== null) expect(nest.run("mount", "--bind", fake, path).status).toBe(0);
  }
  const build = ["--silent", name, "build", "--method", "debootstrap", "--suite", "test", "--mirror", "file:///none"];
  const tree = join(nest.directory, "servers", name);
  for (let round = 0; round < 5; round++) {
    rmSync(quick, { force: true });
    rmSync(working, { force: true });
    const child = Bun.spawn(nest.words(vserver, ...build), { stdio: ["ignore", "ignore", "ignore"] });
    while (!existsSync(working)) await Bun.sleep(10);
    writeFileSync(quick, "");
    child.kill("SIGKILL");
    expect(nest.run(vserver, ...build)).toMatchObject({ status: 0, err: "" });
    await child.exited;
    expect([existsSync(join(tree, "etc/passwd")), existsSync(join(tree, "etc/written"))]).toEqual([true, false]);
    expect(nest.run("pgrep", "-f", nest.directory).out).toBe("");
    expect(nest.run(vserver, "--silent", name, "delete", "--yes").status).toBe(0);
  }
}, 60_000);

test("who else has the place is waited for, but not for long", async () => {
  const name = `locked-${process.pid}`;
  const file = join(nest.directory, "small.tar");
  const root = join(nest.directory, "small");
  mkdirSync(join(root, "etc"), { recursive: true });
  expect(nest.run("tar", "-C", root, "-cf", file, ".").status).toBe(0);
  const staging = join(nest.directory, `servers/.${name}.building`);
  const build = () => nest.run(vserver, "--silent", name, "build", "--method", "tar", file);
  mkdirSync(staging);
  const holder = Bun.spawn(["flock", "--no-fork", staging, "sh", "-c", "echo; exec sleep 100"], { stdout: "pipe" });
  await holder.stdout.getReader().read();
  expect(build()).toMatchObject({ status: 1, err: expect.stringContaining("another build of it is running") });
  expect(readdirSync(staging)).toEqual([]);
  const ending = Bun.spawn(["sh", "-c", `sleep 1; kill ${holder.pid}`]);
  expect(build()).toMatchObject({ status: 0, err: "" });
  await ending.exited;
  expect(existsSync(staging)).toBe(false);
}, 60_000);
