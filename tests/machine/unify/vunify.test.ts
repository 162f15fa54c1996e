/** vunify and unified clones of servers that run. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { makeSmall, run } from "../small.ts";

const tree = (name: string, path: string) => `/vservers/${name}/${path}`;
const inode = (name: string, path: string) => lstatSync(tree(name, path)).ino;
const same = (path: string, ...names: readonly string[]) => new Set(names.map((name) => inode(name, path))).size === 1;
const isMarked = (name: string, path: string) => run("showattr", tree(name, path)).out.endsWith("\t00088010\n");
const servers = ["uni1", "uni2", "uni3", "uni4"];

function put(name: string, path: string, text: string): void {
  mkdirSync(tree(name, path).replace(/\/[^/]*$/, ""), { recursive: true });
  writeFileSync(tree(name, path), text);
  utimesSync(tree(name, path), 1e9, 1e9);
}

function make(name: string, conf?: string): void {
  makeSmall(name, conf === undefined ? {} : { conf });
  utimesSync(tree(name, "bin/busybox"), 1e9, 1e9);
  for (let n = 0; n < 20; n++) put(name, `usr/lib/file${n}`, `library ${n} `.repeat(500));
}

beforeAll(() => {
  expect(run("vkernel", "load").status).toBe(0);
  make("uni1");
  expect(run("vserver", "uni1", "start").status).toBe(0);
});
afterAll(() => {
  for (const name of servers) if (existsSync(`/etc/vservers/${name}.conf`)) run("vserver", name, "delete", "--yes");
});

test("a unified clone of a running server shares its programs, has its own configuration, and runs", () => {
  expect(run("vserver", "uni2", "build", "--method", "clone", "--unify", "uni1")).toMatchObject({ status: 0 });
  // A fresh conf file has an address that no machine has.
  writeFileSync("/etc/vservers/uni2.conf", "IPROOT=0.0.0.0\n");
  expect(same("bin/busybox", "uni1", "uni2")).toBe(true);
  expect(isMarked("uni2", "bin/busybox")).toBe(true);
  expect(same("etc/passwd", "uni1", "uni2")).toBe(false);
  expect(readFileSync(tree("uni2", "etc/hostname"), "utf8")).toBe("uni2\n");
  expect(run("vserver", "uni2", "start")).toMatchObject({ status: 0 });
  expect(run("vserver", "uni2", "exec", "cat", "/usr/lib/file3").out).toBe("library 3 ".repeat(500));
  expect(run("vserver", "uni1", "exec", "ps").out).toContain("sleep");
  expect(run("vdu", "/vservers/uni2").out).toMatch(/\t\d{1,3}K\n$/);
});

test("a server removes and replaces a shared file as package managers do, the other one keeps it", () => {
  const replace = "echo new >/usr/lib/new && mv /usr/lib/new /usr/lib/file5 && rm /usr/lib/file6";
  expect(run("vserver", "uni2", "exec", "sh", "-c", replace)).toMatchObject({ status: 0 });
  expect(readFileSync(tree("uni2", "usr/lib/file5"), "utf8")).toBe("new\n");
  expect(readFileSync(tree("uni1", "usr/lib/file5"), "utf8")).toBe("library 5 ".repeat(500));
  expect(readFileSync(tree("uni1", "usr/lib/file6"), "utf8")).toBe("library 6 ".repeat(500));
});

test("vunify joins a server that was made by itself, and --undo parts it again", () => {
  make("uni3");
  const { status, out, err } = run("vunify", "--content", "uni1", "uni2", "uni3");
  expect({ status, err }).toEqual({ status: 0, err: "" });
  expect(out).toMatch(/^vserver uni3: 2[12] files linked, .* saved/m);
  expect(same("bin/busybox", "uni1", "uni2", "uni3")).toBe(true);
  expect(run("vunify", "--undo", "--content", "uni3").status).toBe(0);
  expect(same("bin/busybox", "uni1", "uni3")).toBe(false);
  expect(isMarked("uni3", "bin/busybox")).toBe(false);
  expect(run("vserver", "uni3", "exec", "true").status).toBe(0);
});

test("eight programs of running servers that replace files while vunify works lose nothing", async () => {
  const last: Record<string, Bun.Subprocess<"ignore", "pipe", "inherit">> = {};
  // Each puts numbered versions of its own file in place, all of one size and one time, so that they look alike.
  const script = (file: string) =>
    `n=100; while [ ! -e /tmp/end ]; do n=$((n+1)); echo "version $n of any" >/tmp/${file}; touch -d 2001-01-01 /tmp/${file};
     mv /tmp/${file} /usr/lib/${file}; done; echo $n`;
  for (const name of ["uni1", "uni2"]) {
    for (let n = 0; n < 4; n++) {
      const command = ["vserver", "--silent", name, "exec", "sh", "-c", script(`race${name}${n}`)];
      last[`${name}/usr/lib/race${name}${n}`] = Bun.spawn(command, {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "inherit",
      });
    }
  }
  const first = `/vservers/uni2/usr/lib/raceuni23`;
  for (let wait = 0; wait < 100 && !existsSync(first); wait++) await Bun.sleep(100);
  for (let round = 0; round < 5; round++)
    expect(run("vunify", "--content", "uni1", "uni2", "uni3")).toMatchObject({ err: "" });
  for (const name of ["uni1", "uni2"]) writeFileSync(tree(name, "tmp/end"), "");
  for (const [path, child] of Object.entries(last)) {
    const version = (await new Response(child.stdout).text()).trim();
    expect([path, readFileSync(`/vservers/${path}`, "utf8")]).toEqual([path, `version ${version} of any\n`]);
    await child.exited;
  }
  expect(readdirSync("/vservers/.unify")).toEqual([]);
});

test("a server with a disk limit of its own is left alone, and the reason is told", () => {
  make("uni4", "IPROOT=0.0.0.0\nDISK=50M\n");
  chmodSync(tree("uni4", "usr/lib/file1"), 0o600);
  expect(run("vserver", "uni4", "start").status).toBe(0);
  const { status, err } = run("vunify", "--content", "uni1", "uni4");
  expect({ status, err }).toEqual({
    status: 255,
    err: expect.stringMatching(
      /^vserver uni4: it is on another file system, or has a disk limit of its own, .* \(\d+ files\)\n$/,
    ),
  });
  expect(same("usr/lib/file2", "uni1", "uni4")).toBe(false);
  expect(readFileSync(tree("uni4", "usr/lib/file2"), "utf8")).toBe("library 2 ".repeat(500));
});
