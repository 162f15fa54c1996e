/** A device that goes away under a running server, and starts that fail when some addresses are there already. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { type Row, refused } from "../refused.ts";
import { makeSmall, run as runParts } from "../small.ts";
import { ask, inGuest, main, must, run, serve, startGuest, stopGuest } from "./guest.ts";

const device = "gone0";
/** A number that no other device gets by itself: the device that comes back has the same one. */
const index = "4711";
const addDevice = () => {
  must("ip", "link", "add", device, "index", index, "type", "dummy");
  must("ip", "link", "set", device, "up");
};
const conf = [`IPROOT="${device}:10.9.9.5/24 ${device}:10.9.9.6/24"`];

beforeAll(() => {
  must("vkernel", "load");
  run("modprobe", "dummy");
  addDevice();
  startGuest("gone", conf);
}, 200_000);

afterAll(() => {
  stopGuest("gone");
  run("ip", "link", "del", device);
});

const lines = (text: string) => text.split("\n").filter(Boolean);
/** What the steering program is attached to. */
const steered = () => must("bpftool", "net", "show", "dev", device);

test("the server goes on without it, is stopped, and tells at the next start what is missing", () => {
  expect(steered()).toContain("tcx/ingress");
  must("ip", "link", "del", device);
  for (const words of [["status"], ["running"], ["exec", "true"]])
    expect([words, runParts("vserver", "--silent", "gone", ...words)]).toMatchObject([words, { status: 0, err: "" }]);
  expect(runParts("vserver", "--silent", "gone", "stop")).toMatchObject({ status: 0, err: "" });
  expect(existsSync("/run/vserver/gone")).toBe(false);

  const { status, out, err } = runParts("vserver", "--silent", "gone", "start");
  expect({ status, out, lines: lines(err) }).toEqual({
    status: 1,
    out: "",
    lines: [`vserver gone: cannot add 10.9.9.5 to ${device}: no such device; add it, or name one of: ip -brief link`],
  });
  expect(existsSync("/run/vserver/gone")).toBe(false);
  expect(must("cat", "/proc/self/mountinfo")).not.toContain("/vservers/gone");
});

test("when it is back the server starts, and all of it works again", async () => {
  addDevice();
  must("vserver", "--silent", "gone", "start");
  expect(steered()).toContain("tcx/ingress");
  const service = await serve(
    inGuest("gone"),
    "kind=tcp,family=4,port=7000,tag=back",
    "kind=udp,family=4,port=7000,tag=back",
  );
  const to = (at: string, kind: string) => `kind=${kind},family=4,to=${at},port=7000`;
  const answers = ask(main, to("10.9.9.5", "tcp"), to("10.9.9.6", "tcp"), to("10.9.9.5", "udp"), to("10.9.9.6", "udp"));
  expect(answers.map((answer) => answer.split(" ")[0])).toEqual(["back", "back", "back", "back"]);
  await service.stop();
});

test("stop takes the server's addresses away and leaves those of its neighbour in the same network", async () => {
  startGuest("beside", [`IPROOT="${device}:10.9.9.9/24"`]);
  const service = await serve(inGuest("beside"), "kind=tcp,family=4,port=7000,tag=beside");
  expect(runParts("vserver", "--silent", "gone", "stop")).toMatchObject({ status: 0, err: "" });
  expect(must("ip", "-4", "-o", "address", "show", "dev", device)).not.toMatch(/10\.9\.9\.[56]\//);
  expect(ask(main, "kind=tcp,family=4,to=10.9.9.9,port=7000")[0]).toStartWith("beside 10.9.9.9 ");
  await service.stop();
  stopGuest("beside");
});

test("a device that is gone leaves no pin behind when another server is steered", () => {
  const pins = () => readdirSync("/run/vserver/bpf/active").filter((file) => /^steer-\d+$/.test(file));
  expect(pins()).toContain(`steer-${index}`);
  must("ip", "link", "del", device);
  must("ip", "link", "add", "other0", "type", "dummy");
  must("ip", "link", "set", "other0", "up");
  startGuest("elsewhere", ['IPROOT="other0:10.9.8.5/24 other0:10.9.8.6/24"']);
  expect(pins()).not.toContain(`steer-${index}`);
  stopGuest("elsewhere");
  must("ip", "link", "del", "other0");
  addDevice();
});

test("a start that fails at a later address leaves none of the earlier ones", async () => {
  const wrong: readonly (readonly [iproot: string, line: string])[] = [
    [
      `${device}:10.9.9.7/24 nodev9:10.9.9.8/24`,
      "vserver NAME: cannot add 10\\.9\\.9\\.8 to nodev9: no such device; .*",
    ],
    [`${device}:10.9.9.7/24 nonesuch.invalid`, "vserver NAME: cannot tie it to nonesuch\\.invalid: no host .*; .*"],
    [`${device}:10.9.9.7/24 10.9.9`, "/etc/vservers/NAME\\.conf:1:\\d+: cannot .*10\\.9\\.9.*"],
    [`${device}:10.9.9.7/24 10.9.9.8/33`, "/etc/vservers/NAME\\.conf:1:\\d+: cannot .*33.*"],
    [
      Array.from({ length: 17 }, (_, at) => `${device}:10.9.9.${100 + at}/24`).join(" "),
      `/etc/vservers/NAME\\.conf:1:\\d+: cannot .*${device}:10\\.9\\.9\\.116/24.* comes after 16 addresses.*`,
    ],
  ];
  const rows = wrong.map(([iproot, line], at): Row => {
    const name = `late${at}`;
    makeSmall(name, { conf: `IPROOT="${iproot}"\n` });
    must("mkdir", "-p", ...["dev", "proc", "sys"].map((directory) => `/vservers/${name}/${directory}`));
    return [`vserver --silent ${name} start`, 1, new RegExp(`^${line.replace("NAME", name)}$`)];
  });
  await refused(rows, "root");
});
