/**
 * A server whose programs are linked with musl, out of a container image, without a shell or an init: no Alpine is at hand
 * wherever the tests run, so that its programs are made here by musl-gcc.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeLayout } from "../../build/image.ts";
import { type } from "../shell.ts";
import { run } from "../small.ts";

const name = "musl1";
const other = "musl2";
const address = "10.0.0.171";
const port = 8171;
const work = "/tmp/musl";
const loader = `/lib/ld-musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`;

const well = { status: 0, err: "" };

beforeAll(() => {
  expect(run("vkernel", "load").status).toBe(0);
  mkdirSync(work);
  const program = join(work, "probe");
  expect(run("musl-gcc", "-Wall", "-Wextra", "-Werror", "-o", program, join(import.meta.dir, "musl.c"))).toMatchObject(
    well,
  );
  expect(run("file", program).out).toContain(`interpreter ${loader}`);
  const layers = [
    [
      { path: "lib/", type: "directory" },
      { path: loader.slice(1), content: readFileSync(loader), mode: 0o755 },
      { path: "etc/", type: "directory" },
      { path: "etc/gone", content: "to be removed" },
      { path: "etc/passwd", content: "root:x:0:0::/:/none\nweb:x:33:33::/:/none\n" },
    ],
    [
      { path: "bin/", type: "directory" },
      { path: "bin/probe", content: readFileSync(program), mode: 0o755 },
    ],
  ] as const;
  const settings = { Entrypoint: ["/bin/probe", "serve"], Cmd: [String(port)], User: "web", StopSignal: "SIGQUIT" };
  writeLayout(join(work, "image"), [{ layers, settings, compression: "gzip" }]);
  const place = `eth0:${address}/24`;
  const built = run("vserver", name, "build", "--method", "oci", "--interface", place, join(work, "image:latest"));
  expect(built).toMatchObject(well);
  expect(run("vserver", name, "start")).toMatchObject(well);
});
afterAll(() => {
  run("vserver", "--silent", name, "stop");
  for (const one of [name, other]) run("vserver", one, "delete", "--yes");
  rmSync(work, { recursive: true, force: true });
});

const log = () => readFileSync(`/vservers/${name}/var/log/command.log`, "utf8");

test("the image's service runs as the user it names, and answers at the server's address alone", async () => {
  for (let tries = 0; tries < 100 && log() === ""; tries++) await Bun.sleep(50);
  expect(log()).toBe("process 1 of user 33\n");
  expect(run("nc", "-w", "20", address, String(port)).out).toBe(`musl of ${name}\n`);
  expect(run("nc", "-w", "20", "10.0.0.1", String(port)).out).toBe("");
});

test("musl finds the server's own name, address, users and processes, and no others", () => {
  // There is no env(1) in it to set a variable: which process is the main server's is a word.
  const { out } = run("vserver", name, "exec", "/bin/probe", "look", String(process.pid));
  const lines = [`name ${name}`, `address ${address}`, "web 33", "thread 42", "child 7", "processes 2", "main -1"];
  expect(out).toBe(`${lines.join("\n")}\n`);
});

test("root needs no user data base to enter it, as in an image of one program; another user does", () => {
  const [users, aside] = [`/vservers/${name}/etc/passwd`, `/vservers/${name}/etc/aside`];
  renameSync(users, aside);
  const look = ["/bin/probe", "look", "1"];
  expect(run("vserver", name, "exec", ...look)).toMatchObject({
    ...well,
    out: expect.stringContaining(`name ${name}\n`),
  });
  expect(run("vserver", name, "suexec", "web", ...look)).toMatchObject({
    status: 1,
    err: expect.stringMatching(/^vserver musl1: cannot become web: no such file or directory; .*passwd/),
  });
  renameSync(aside, users);
});

test("its stop is the signal that the image names", () => {
  const { status, out } = run("vserver", name, "stop");
  expect([status, out]).toEqual([0, expect.not.stringContaining("Killing")]);
  expect(log()).toBe("process 1 of user 33\nended by SIGQUIT\n");
});

test("an image that umoci has changed and skopeo has written as docker does: what was removed is not there", async () => {
  const [image, bundle, saved] = [join(work, "image"), join(work, "bundle"), join(work, "docker.tar")];
  const made = await type(`set -e; umoci unpack --image ${image}:latest ${bundle}; cd ${bundle}/rootfs; rm etc/gone
    echo new >etc/new; umoci repack --image ${image}:changed ${bundle}
    umoci insert --image ${image}:changed etc/new /etc/inserted
    skopeo --insecure-policy copy oci:${image}:changed docker-archive:${saved}:example.com/probe:changed`);
  expect(made).toMatchObject({ status: 0 });
  const built = run("vserver", other, "build", "--method", "oci", `${saved}:changed`);
  expect(built).toMatchObject(well);
  const tree = `/vservers/${other}`;
  expect(existsSync(`${tree}/etc/gone`)).toBe(false);
  for (const path of ["new", "inserted"]) expect(readFileSync(`${tree}/etc/${path}`, "utf8")).toBe("new\n");
  expect(lstatSync(`${tree}/bin/probe`).mode & 0o7777).toBe(0o755);
  const command = JSON.parse(readFileSync(`${tree}/etc/vserver-command.json`, "utf8"));
  expect(command).toMatchObject({ command: ["/bin/probe", "serve", "8171"], user: "web", stopSignal: "SIGQUIT" });
});
