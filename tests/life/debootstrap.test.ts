/**
 * build --method debootstrap with the real tool and from the real archive: the examples of the manuals. The packages are
 * downloaded once; when the network goes in the middle nothing is left.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { dirname } from "node:path";
import { makeNest, type Nest, vserver } from "./nest.ts";

const plain = "vserver web1 build --method debootstrap --include nginx";
const addressed = "vserver web1 build --method debootstrap --include nginx --interface eth0:10.0.0.2/24";
/** Milliseconds for a build: the packages of a Debian come from far away. */
const patience = 400_000;

let nest: Nest;
/** Names of packages that were asked for, in their order. */
let asked: string[] = [];
/** How many more packages come through. */
let left = Number.POSITIVE_INFINITY;

/** What stands between the tools and the archive, and notes what they download. */
const proxy = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  idleTimeout: 255,
  async fetch(request) {
    const name = /[^/]*\.deb$/.exec(request.url)?.[0];
    if (name !== undefined) {
      asked.push(name);
      if (left-- <= 0) return new Response("gone", { status: 502 });
    }
    const headers = new Headers(request.headers);
    for (const one of ["host", "proxy-connection", "connection"]) headers.delete(one);
    const { status, body, headers: got } = await fetch(request.url, { headers, decompress: false });
    return new Response(body, { status, headers: got });
  },
});

async function typed(line: string, path = process.env["PATH"]) {
  const environment = [`http_proxy=http://127.0.0.1:${proxy.port}`, `PATH=${dirname(vserver)}:${path}`];
  const child = Bun.spawn(nest.online("env", ...environment, "timeout", "380", "sh", "-c", line), {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { status: await child.exited, out, err };
}

const list = (directory: string) => nest.run("ls", "-A", directory).out.split("\n").filter(Boolean);
const cached = () =>
  nest.run("find", "/var/cache/vserver", "-type", "f", "-printf", "%f %i %s\n").out.split("\n").sort();
const remove = () =>
  expect(nest.run(vserver, "--silent", "web1", "delete", "--yes")).toMatchObject({ status: 0, err: "" });

beforeAll(async () => {
  nest = await makeNest();
}, 20_000);
afterAll(async () => {
  nest.end();
  await proxy.stop(true);
});

test(
  "the network goes: it says so, no server is left, and a build after it has one",
  async () => {
    left = 40;
    const { status, err } = await typed(plain);
    expect({ status, lines: err.split("\n").length - 1 }).toEqual({ status: 1, lines: 1 });
    expect([list(`${nest.directory}/servers`), list(`${nest.directory}/conf`)]).toEqual([[], []]);
    left = Number.POSITIVE_INFINITY;
    asked = [];
    expect(await typed(plain)).toMatchObject({ status: 0, err: "" });
    expect(asked.length).toBeGreaterThan(60);
    expect(asked.some((name) => name.startsWith("nginx"))).toBe(true);
    expect(nest.run("chroot", `${nest.directory}/servers/web1`, "nginx", "-t").err).toContain("test is successful");
  },
  2 * patience,
);

test(
  "the next one downloads no package, and has none in its tree",
  async () => {
    remove();
    const before = cached();
    asked = [];
    expect(await typed(addressed)).toMatchObject({ status: 0, err: "" });
    expect(asked).toEqual([]);
    expect(cached()).toEqual(before);
    expect(
      list(`${nest.directory}/servers/web1/var/cache/apt/archives`).filter((name) => name.endsWith(".deb")),
    ).toEqual([]);
    expect(nest.run("cat", "/etc/vservers/web1.conf").out).toMatch(/^\s*IPROOT=.*eth0:10\.0\.0\.2/m);
    remove();
  },
  patience,
);
