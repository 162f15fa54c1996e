/** A server that is copied from a machine has its programs, settings and data, and nothing that is the machine's alone. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { makeNest, type Nest, vserver } from "../life/nest.ts";

let nest: Nest;
let machine = "";
let tree = "";

const kept = {
  "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
  "etc/shadow": "root:*:1::::::\n",
  "etc/ssh/sshd_config": "Port 22\n",
  "usr/bin/tool": "program",
  "usr/lib/modules-load.d/one.conf": "loop\n",
  "var/lib/application/data": "data",
  "var/cache/application/kept": "cache",
} as const;

/** The machine's own: what it is, who it is, whom it serves. */
const secret = "only this machine's";
const left = [
  ...["etc/ssh/ssh_host_ed25519_key", "etc/ssh/ssh_host_ed25519_key.pub", "etc/ssh/ssh_host_odd_key"],
  ...["etc/vserver.conf", "etc/vservers/other.conf", "var/lib/vserver/other/limits", "var/cache/vserver/one.rpm"],
  ...["var/lib/docker/image", "var/lib/machines/other/etc/passwd", "usr/lib/modules/7.0/kernel/one.ko"],
  ...[
    "var/mail/root",
    "var/tmp/file",
    "var/log/syslog",
    "var/cache/apt/archives/one.deb",
    "var/lib/urandom/random-seed",
  ],
  ...["root/private", "home/user/private", "srv/private", "opt/private"],
];

function put(path: string, content: string): void {
  mkdirSync(dirname(join(machine, path)), { recursive: true });
  writeFileSync(join(machine, path), content);
}

const filesOf = (top: string): string[] => [...new Bun.Glob("**").scanSync({ cwd: top, dot: true, onlyFiles: true })];

beforeAll(async () => {
  nest = await makeNest();
  machine = mkdtempSync(join(tmpdir(), "vserver-machine-"));
  for (const [path, content] of Object.entries(kept)) put(path, content);
  for (const path of left) put(path, secret);
  put("etc/machine-id", secret);
  put("root/.bashrc", "umask 022\n");
  const built = nest.run(vserver, "copied", "build", "--method", "copy", machine);
  expect([built.status, built.out]).toEqual([0, expect.stringContaining("has been populated")]);
  tree = join(nest.directory, "servers/copied");
}, 60_000);

afterAll(() => {
  nest.end();
  rmSync(machine, { recursive: true, force: true });
});

test("programs, settings, data, and what root's shell reads come along", () => {
  for (const [path, content] of Object.entries(kept)) expect(readFileSync(join(tree, path), "utf8")).toBe(content);
  expect(readFileSync(join(tree, "root/.bashrc"), "utf8")).toBe("umask 022\n");
});

test("no file has what was the machine's alone: not its keys and its id, not its servers and what is remembered of them", () => {
  const copied = filesOf(tree).filter((path) => readFileSync(join(tree, path), "utf8").includes(secret));
  expect(copied).toEqual([]);
  expect(readFileSync(join(tree, "etc/machine-id"), "utf8")).toBe("");
  const names = readdirSync(join(tree, "etc/ssh"));
  expect(names).not.toContain("ssh_host_odd_key");
  expect(readdirSync(join(tree, "var/lib"))).not.toContain("vserver");
  expect(readdirSync(join(tree, "var/cache"))).not.toContain("vserver");
});
