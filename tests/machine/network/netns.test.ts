/** NETNS=yes: a server that sees no device, address, socket or route but its own, and is reached like any other host. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { ask, inGuest, main, must, run, type Serving, serve, startGuest, stopGuest } from "./guest.ts";

const conf = (addresses: string) => [`IPROOT="${addresses}"`, "IPROOTDEV=eth0", "NETNS=yes"];
const serving: Serving[] = [];

beforeAll(async () => {
  must("vkernel", "load");
  run("ip", "address", "add", "fd00::1/64", "dev", "eth0", "nodad");
  startGuest("own1", conf("10.0.0.81/24 10.0.0.82/24 fd00::81/64"));
  startGuest("own2", conf("10.0.0.91/24"));
  startGuest("shared", ['IPROOT="10.0.0.99/24"', "IPROOTDEV=eth0"]);
  for (const name of ["own1", "own2", "shared"]) {
    serving.push(
      await serve(
        inGuest(name),
        `kind=tcp,family=4,port=7000,tag=${name}`,
        `kind=udp,family=4,port=7000,tag=${name}`,
        `kind=tcp,family=4,at=127.0.0.1,port=7001,tag=${name}`,
      ),
    );
  }
}, 240_000);

afterAll(async () => {
  for (const server of serving) await server.stop();
  for (const name of ["own1", "own2", "shared"]) stopGuest(name);
  run("ip", "address", "del", "fd00::1/64", "dev", "eth0");
});

const tcp = (to: string, port = 7000) => `kind=tcp,family=${to.includes(":") ? 6 : 4},to=${to},port=${port}`;
const tags = (answers: readonly string[]) => answers.map((answer) => answer.split(" ")[0]);

test("the main server reaches each of its addresses, by TCP and datagrams", () => {
  const specs = [tcp("10.0.0.81"), tcp("10.0.0.82"), tcp("10.0.0.91"), "kind=udp,family=4,to=10.0.0.82,port=7000"];
  expect(tags(ask(main, ...specs))).toEqual(["own1", "own1", "own2", "own1"]);
  expect(must("ping", "-c", "1", "-W", "5", "fd00::81")).toContain("1 received");
});

test("servers reach each other and the main server, and are seen with their own address", () => {
  expect(ask(inGuest("own1"), tcp("10.0.0.91"))[0]).toStartWith("own2 10.0.0.91 10.0.0.81");
  expect(ask(inGuest("own1"), tcp("10.0.0.99"))[0]).toStartWith("shared 10.0.0.99 10.0.0.81");
  expect(ask(inGuest("shared"), tcp("10.0.0.82"))[0]).toStartWith("own1 10.0.0.82 10.0.0.99");
});

test("its loopback is its own", () => {
  for (const name of ["own1", "own2", "shared"])
    expect(tags(ask(inGuest(name), tcp("127.0.0.1", 7001)))).toEqual([name]);
});

test("it sees its own device, addresses and sockets, and nobody else's", () => {
  const inside = (words: string) => must("vexec", "own1", "sh", "-c", words).trim();
  expect(inside("ls /sys/class/net").split(/\s+/)).toEqual(["eth0", "lo"]);
  expect(inside("grep -c : /proc/net/dev")).toBe("2");
  expect(inside("ip -brief address")).not.toMatch(/10\.0\.0\.(1|91|99)\//);
  expect(inside("ip -brief address")).toContain("10.0.0.82/32");
  expect(inside("ss -Htln; ss -Huln")).not.toMatch(/10\.0\.0\.(1|91|99):/);
  expect(inside("python3 -c 'import socket; print([name for _, name in socket.if_nameindex()])'")).toBe(
    "['lo', 'eth0']",
  );
});

test("vserver status and entry work as for any other, and stop takes the devices, routes and proxies away", () => {
  expect(JSON.parse(must("vserver", "--json", "own2", "status")).addresses).toEqual(["10.0.0.91"]);
  expect(must("ip", "neighbour", "show", "proxy")).toContain("10.0.0.91");
  must("vserver", "--silent", "own2", "stop");
  expect(must("ip", "route")).not.toContain("10.0.0.91");
  expect(must("ip", "neighbour", "show", "proxy")).not.toContain("10.0.0.91");
  expect(existsSync("/run/vserver/own2")).toBe(false);
  startGuest("own2", conf("10.0.0.91/24"));
});

test("an address of the main server cannot be in two places", () => {
  must("vserver", "--silent", "own2", "stop");
  expect(() => startGuest("own2", conf("10.0.0.1/24"))).toThrow("the main server has that address");
  expect(existsSync("/run/vserver/own2")).toBe(false);
  startGuest("own2", conf("10.0.0.91/24"));
});
