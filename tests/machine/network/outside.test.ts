/** A server as another machine on its link meets it: a network namespace at the other end of a pair of devices. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, writeFileSync } from "node:fs";
import {
  ask,
  inGuest,
  main,
  must,
  type Place,
  run,
  type Serving,
  serve,
  startGuest,
  stopGuest,
  talk,
} from "./guest.ts";

const link = "street0";
/** The other machine, which has 10.2.0.2, fd02::2 and fe80::2. */
const outside: Place = ["ip", "netns", "exec", "street", ...talk];
const mine = ["10.2.0.5", "10.2.0.6", "fd02::5", "fd02::6"];
const onMain = ["10.2.0.1", "fd02::1"];
const serving: Serving[] = [];

const question = (to: string, kind: string, port: number, more = "") =>
  `kind=${kind},family=${to.includes(":") ? 6 : 4},to=${to},port=${port}${more}`;
/** The address the other side saw. */
const seen = (answers: readonly string[]) =>
  answers.map((answer) => answer.split(" ")[2]?.replace("::ffff:", "").replace(/%.*/, "") ?? answer);
const tags = (answers: readonly string[]) => answers.map((answer) => answer.split(" ")[0]);

beforeAll(async () => {
  must("vkernel", "load");
  must("ip", "netns", "add", "street");
  must("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", "street");
  const addresses = [
    ["", link, "10.2.0.1/24"],
    ["", link, "fd02::1/64"],
    ["street", "eth0", "10.2.0.2/24"],
    ["street", "eth0", "fd02::2/64"],
    ["street", "eth0", "fe80::2/64"],
  ] as const;
  for (const [space, device, address] of addresses)
    must("ip", ...(space === "" ? [] : ["-n", space]), "address", "add", address, "dev", device, "nodad");
  must("ip", "link", "set", link, "up");
  for (const device of ["lo", "eth0"]) must("ip", "-n", "street", "link", "set", device, "up");
  must("ip", "-n", "street", "route", "add", "224.0.0.0/4", "dev", "eth0");
  appendFileSync("/etc/hosts", `${mine[1]} shop.example\n`);
  startGuest("shop", [
    `IPROOT="${mine.join(" ").replace(mine[1] ?? "", "shop.example")} fe80::5"`,
    ...[`IPROOTDEV=${link}`, "IPROOTMASK=255.255.255.0", "IPROOTBCAST=10.2.0.255"],
  ]);
  serving.push(
    await serve(
      inGuest("shop"),
      ...["tcp", "udp"].map((kind) => `kind=${kind},family=6,port=8080,only=0,tag=shop`),
      "kind=mptcp,family=6,port=8083,only=0,tag=shop",
      ...["10.2.0.255", "239.1.2.3"].map(
        (at) =>
          `kind=udp,family=4,at=${at},port=8081,tag=shop${at === "239.1.2.3" ? `,group=${at},interface=${mine[0]}` : ""}`,
      ),
      `kind=udp,family=6,at=ff15::3,port=8081,group=ff15::3,interface=${link},tag=shop`,
      `kind=tcp,family=6,at=fe80::5%${link},port=8082,tag=shop`,
    ),
    await serve(
      outside,
      ...["tcp", "udp"].map((kind) => `kind=${kind},family=6,port=9000,only=0,tag=outside`),
      "kind=mptcp,family=4,port=9001,tag=outside",
      "kind=udp,family=4,at=239.1.2.4,port=9002,group=239.1.2.4,interface=10.2.0.2,tag=outside",
      "kind=udp,family=6,at=ff15::4,port=9002,group=ff15::4,interface=eth0,tag=outside",
      "kind=udp,family=4,at=10.2.0.255,port=9003,tag=outside",
    ),
  );
}, 240_000);

afterAll(async () => {
  for (const server of serving) await server.stop();
  for (const name of ["shop", "floor", "double", "whole", "booth"]) stopGuest(name);
  run("nft", "delete", "table", "inet", "street");
  run("ip", "mptcp", "endpoint", "flush");
  run("ip", "netns", "del", "street");
  run("ip", "link", "del", link);
});

describe("a service on every address", () => {
  test("is reached at each of the server's addresses by streams and datagrams, and at none of the main server's", () => {
    for (const kind of ["tcp", "udp"]) {
      const answers = ask(outside, ...mine.map((at) => question(at, kind, 8080)));
      expect([kind, tags(answers)]).toEqual([kind, mine.map(() => "shop")]);
    }
    for (const kind of ["mptcp", "tcp"])
      expect(tags(ask(outside, ...mine.map((at) => question(at, kind, 8083))))).toEqual(mine.map(() => "shop"));
    for (const port of [8080, 8083])
      expect(ask(outside, ...onMain.map((at) => question(at, "tcp", port)))).toEqual(["ECONNREFUSED", "ECONNREFUSED"]);
    // The kernel says of a port that nobody has: refused.
    for (const answer of ask(outside, ...onMain.map((at) => question(at, "udp", 8080, ",patience=1,connected=1"))))
      expect(answer).toBe("ECONNREFUSED");
  });

  test("sockets at the broadcast address of IPROOTBCAST and at groups are reached, and answer from the own address", () => {
    const questions = [
      question("10.2.0.255", "udp", 8081, ",broadcast=1"),
      question("239.1.2.3", "udp", 8081),
      question("ff15::3", "udp", 8081, ",device=eth0"),
    ];
    expect(ask(outside, ...questions)).toEqual([
      "shop 10.2.0.255 10.2.0.2 from 10.2.0.5",
      "shop 239.1.2.3 10.2.0.2 from 10.2.0.5",
      "shop ff15::3 fd02::2 from fd02::5",
    ]);
  });

  test("redirected by the main server, it answers where the main server has the address", () => {
    const rule = `ip daddr 10.2.0.1 tcp dport 8088 dnat ip to ${mine[0]}:8080`;
    const table = `table inet street { chain pre { type nat hook prerouting priority -100; ${rule}; }\n}\n`;
    writeFileSync("/tmp/street.nft", table);
    must("nft", "-f", "/tmp/street.nft");
    expect(ask(outside, question("10.2.0.1", "tcp", 8088))[0]).toMatch(/^shop ::ffff:10\.2\.0\.5 .* peer 10\.2\.0\.1$/);
    must("nft", "delete", "table", "inet", "street");
  });
});

describe("what it says to others", () => {
  test("comes from its own address, also to a group or to all, by a device it has chosen, and of IPv6 on the link alone", () => {
    const questions = [question("10.2.0.2", "tcp", 9000), question("fd02::2", "tcp", 9000)];
    expect(seen(ask(inGuest("shop"), ...questions, ...questions.map((one) => `${one},device=${link}`)))).toEqual([
      ...[mine[0], mine[2], mine[0], mine[2]].map(String),
    ]);
    const local = ["tcp", "udp"].map((kind) => question(`fe80::2%${link}`, kind, 9000));
    expect(seen(ask(inGuest("shop"), ...local))).toEqual(["fe80::5", "fe80::5"]);
    expect(ask(outside, question("fe80::5%eth0", "tcp", 8082))[0]).toStartWith("shop fe80::5");
    const groups = ["239.1.2.4", "ff15::4"].map((to) => question(to, "udp", 9002, `,device=${link}`));
    const all = question("10.2.0.255", "udp", 9003, ",broadcast=1");
    expect(seen(ask(inGuest("shop"), ...groups, all))).toEqual([mine[0], mine[2], mine[0]].map(String));
  });

  test("MPTCP opens no further path from an address of the main server's that is registered for it", async () => {
    must("ip", "mptcp", "limits", "set", "subflows", "2", "add_addr_accepted", "2");
    must("ip", "netns", "exec", "street", "ip", "mptcp", "limits", "set", "subflows", "2");
    must("ip", "address", "add", "10.2.0.9/24", "dev", link);
    must("ip", "mptcp", "endpoint", "add", "10.2.0.9", "dev", link, "subflow");
    /** The addresses that are connected to the other machine while somebody talks to it. */
    const paths = async (place: Place) => {
      const words = [...place, "ask", question("10.2.0.2", "mptcp", 9001, ",late=1500")];
      const asked = Bun.spawn(words, { stdio: ["ignore", "ignore", "ignore"] });
      const found = new Set<string>();
      while (asked.exitCode === null) {
        for (const line of must("ip", "netns", "exec", "street", "ss", "-Htn", "sport", "=", "9001").split("\n")) {
          const from = /([\d.]+):\d+\s*$/.exec(line)?.[1];
          if (from !== undefined) found.add(from);
        }
        await Bun.sleep(200);
      }
      return [...found].sort();
    };
    expect(await paths(main)).toEqual(["10.2.0.1", "10.2.0.9"]);
    // Paths of connections that have ended linger.
    must("ip", "netns", "exec", "street", "ss", "-K", "sport", "=", "9001");
    expect(await paths(inGuest("shop"))).toEqual(["10.2.0.5"]);
    expect(JSON.parse(must("vserver", "--json", "shop", "status")).dropped).toBe(0);
    must("ip", "address", "del", "10.2.0.9/24", "dev", link);
  }, 120_000);
});

describe("addresses that a server brings along", () => {
  const at = (device: string) => must("ip", "-4", "-o", "address", "show", "dev", device);

  test("have its name, mask and broadcast address, on a VLAN device that is made for them; what was there before stays", () => {
    expect(at(link)).toMatch(/inet 10\.2\.0\.5\/24 brd 10\.2\.0\.255 .* street0:shop\\/);
    must("ip", "address", "add", "10.2.0.11/24", "dev", link);
    const addresses = `IPROOT="${link}.12:10.3.0.5 ${link}:10.2.0.11 ${link}:10.2.0.12/24"`;
    startGuest("floor", [addresses, "IPROOTMASK=255.255.255.128", "IPROOTBCAST=10.3.0.99"]);
    expect(at(`${link}.12`)).toMatch(/inet 10\.3\.0\.5\/25 brd 10\.3\.0\.99 /);
    expect(must("ip", "-d", "link", "show", `${link}.12`)).toContain("vlan protocol 802.1Q id 12");
    expect(at(link)).toContain("10.2.0.12/");
    stopGuest("floor");
    expect(run("ip", "link", "show", `${link}.12`).status).not.toBe(0);
    expect(at(link)).toContain("10.2.0.11/");
    expect(at(link)).not.toContain("10.2.0.12/");
    must("ip", "address", "del", "10.2.0.11/24", "dev", link);
  });

  test("are refused when another machine on the link has them, of either family", () => {
    for (const address of ["10.2.0.2", "fd02::2"]) {
      expect(() => startGuest("double", [`IPROOT=${address}`, `IPROOTDEV=${link}`])).toThrow(
        `cannot add ${address} to ${link}: another machine has that address (duplicate address detection)`,
      );
      expect(must("ip", "address", "show", "dev", link)).not.toContain(` ${address}/`);
    }
  });

  test("are all that the machine has, with IPROOT=ALL", async () => {
    startGuest("whole", ["IPROOT=ALL"]);
    const service = await serve(inGuest("whole"), "kind=tcp,family=6,port=8099,only=0,tag=whole");
    expect(tags(ask(outside, ...[...onMain, ...mine].map((to) => question(to, "tcp", 8099))))).toEqual(
      [...onMain, ...mine].map(() => "whole"),
    );
    await service.stop();
    stopGuest("whole");
    expect(at(link)).toContain("10.2.0.1/");
  });
});

test("a server with NETNS=yes is reached from the link, and sends nothing there from an address that is not its own", async () => {
  startGuest("booth", [`IPROOT="10.2.0.8/24 fd02::8/64"`, `IPROOTDEV=${link}`, "NETNS=yes", "S_CAPS=CAP_NET_RAW"]);
  const service = await serve(inGuest("booth"), "kind=tcp,family=6,port=8080,only=0,tag=booth");
  expect(tags(ask(outside, question("10.2.0.8", "tcp", 8080), question("fd02::8", "tcp", 8080)))).toEqual([
    "booth",
    "booth",
  ]);
  expect(seen(ask(inGuest("booth"), question("10.2.0.2", "tcp", 9000), question("fd02::2", "tcp", 9000)))).toEqual([
    "10.2.0.8",
    "fd02::8",
  ]);
  const hear = `import socket
made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); made.bind(("::", 9009)); made.settimeout(3)
heard = []; print(flush=True)
try:
    while True: heard.append(made.recvfrom(9)[1][0].replace("::ffff:", ""))
except OSError: print(*heard)
`;
  const say = `import socket, struct
for source in "fd02::8", "fd02::5", "fd02::1":
    made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); made.setsockopt(41, 78, 1)
    made.bind((source, 0))
    for to in "fd02::1", "fd02::2": made.sendto(b"x", (to, 9009))
for source in "10.2.0.8", "10.2.0.5", "10.2.0.1":
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); made.setsockopt(0, 19, 1)
    made.bind((source, 0))
    for to in "10.2.0.1", "10.2.0.2": made.sendto(b"x", (to, 9009))
`;
  const listeners = await Promise.all(
    [[], ["ip", "netns", "exec", "street"]].map(async (words) => {
      const lines = Bun.spawn([...words, "python3", "-c", hear], { stdout: "pipe" }).stdout.getReader();
      await lines.read();
      return lines;
    }),
  );
  must("vexec", "booth", "python3", "-c", say);
  const heard = await Promise.all(listeners.map(async (lines) => new TextDecoder().decode((await lines.read()).value)));
  expect(heard).toEqual(["fd02::8 10.2.0.8\n", "fd02::8 10.2.0.8\n"]);
  await service.stop();
  stopGuest("booth");
});
