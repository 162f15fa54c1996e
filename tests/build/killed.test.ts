/** A build from a container image is killed with SIGKILL at each step: the same command again succeeds, and nothing is left beside. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
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
