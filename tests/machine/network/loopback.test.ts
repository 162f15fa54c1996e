/** The loopback of a virtual server is its own: the same port in two servers and on the main server, and no way across. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { ask, bind, inGuest, main, must, run, type Serving, serve, startGuest, stopGuest, tied } from "./guest.ts";

const servers = { eps: "10.0.0.61", zeta: "10.0.0.71" } as const;
const serving: Serving[] = [];
const contextOf = (name: string): number => JSON.parse(must("vserver", "--json", name, "status")).context;

const database = (tag: string) => [
  `kind=tcp,family=4,at=127.0.0.1,port=3306,tag=${tag}`,
  `kind=tcp,family=6,at=::1,port=3306,tag=${tag}`,
  `kind=udp,family=4,at=127.0.0.1,port=3306,tag=${tag}`,
  `kind=tcp,family=4,port=3307,tag=${tag}`,
  `kind=udp,family=4,port=3307,tag=${tag}`,
  `kind=tcp,family=6,port=3308,only=0,tag=${tag}`,
  `kind=udp,family=6,port=3308,only=0,tag=${tag}`,
  `kind=mptcp,family=4,at=127.0.0.1,port=3310,tag=${tag}`,
  `kind=mptcp,family=6,at=::1,port=3310,tag=${tag}`,
  `kind=mptcp,family=6,port=3311,only=0,tag=${tag}`,
];

beforeAll(async () => {
  must("vkernel", "load");
  run("ip", "address", "add", "fd00::1/64", "dev", "eth0", "nodad");
  for (const [name, address] of Object.entries(servers)) {
    startGuest(name, [`IPROOT="${address} fd00::${address.slice(-2)}"`, "IPROOTDEV=eth0"]);
    serving.push(await serve(inGuest(name), ...database(name)));
  }
  serving.push(await serve(tied("127.0.0.1", "::1"), ...database("main").slice(0, 4)));
}, 240_000);

afterAll(async () => {
  for (const server of serving) await server.stop();
  for (const name of Object.keys(servers)) stopGuest(name);
  run("ip", "address", "del", "fd00::1/64", "dev", "eth0");
});

const loopback = (family: number) => (family === 4 ? "127.0.0.1" : "::1");
const local = ["kind=tcp,family=4,to=127.0.0.1,port=3306", "kind=tcp,family=6,to=::1,port=3306"];

test("each meets its own service at 127.0.0.1 and ::1, and both ends read just that", () => {
  for (const name of Object.keys(servers)) {
    expect(ask(inGuest(name), ...local)).toEqual([
      `${name} 127.0.0.1 127.0.0.1 own 127.0.0.1 peer 127.0.0.1`,
      `${name} ::1 ::1 own ::1 peer ::1`,
    ]);
  }
  expect(ask(main, ...local).map((answer) => answer.split(" ")[0])).toEqual(["main", "main"]);
});

test("localhost and 0.0.0.0 mean the same", () => {
  for (const host of ["localhost", "0.0.0.0"]) {
    expect(ask(inGuest("eps"), `kind=tcp,family=4,to=${host},port=3306`)[0]).toStartWith("eps 127.0.0.1 127.0.0.1");
  }
});

test("datagrams to the own loopback arrive, and come from it", () => {
  expect(ask(inGuest("zeta"), "kind=udp,family=4,to=127.0.0.1,port=3306")[0]).toMatch(
    /^zeta 127\.0\.0\.1 .* from 127\.0\.0\.1$/,
  );
});

test("a service on every address is reached on the own loopback, too, by TCP of both families and by datagrams", () => {
  const specs = [
    "kind=tcp,family=4,to=127.0.0.1,port=3307",
    "kind=tcp,family=6,to=::1,port=3308",
    "kind=tcp,family=4,to=127.0.0.1,port=3308",
    "kind=udp,family=4,to=127.0.0.1,port=3307",
    "kind=udp,family=6,to=::1,port=3308",
  ];
  for (const answer of ask(inGuest("eps"), ...specs)) expect(answer).toStartWith("eps ");
});

test("so is a listener of MPTCP, on its loopback or on every address, and both ends read 127.0.0.1 and ::1", () => {
  const answers = (kind: string, port: number) =>
    ask(
      inGuest("zeta"),
      ...[4, 6].map((family) => `kind=${kind},family=${family},to=${loopback(family)},port=${port}`),
    );
  for (const kind of ["mptcp", "tcp"]) {
    expect(answers(kind, 3310)).toEqual([
      "zeta 127.0.0.1 127.0.0.1 own 127.0.0.1 peer 127.0.0.1",
      "zeta ::1 ::1 own ::1 peer ::1",
    ]);
    expect(answers(kind, 3311)).toEqual([
      "zeta ::ffff:127.0.0.1 ::ffff:127.0.0.1 own 127.0.0.1 peer 127.0.0.1",
      "zeta ::1 ::1 own ::1 peer ::1",
    ]);
  }
});

test("where an MPTCP listener of a server's loopback has ended, nothing of the main server's is met", async () => {
  const port = 3396;
  for (const at of [",at=127.0.0.1", ""]) {
    const spec = `kind=mptcp,family=4${at},port=${port}`;
    const own = await serve(inGuest("eps"), `${spec},tag=eps`);
    expect(ask(inGuest("eps"), `kind=tcp,family=4,to=127.0.0.1,port=${port}`)[0]).toStartWith("eps ");
    await own.stop();
    const after = await serve(main, `kind=tcp,family=4,port=${port},tag=main`);
    expect(ask(inGuest("eps"), `kind=tcp,family=4,to=127.0.0.1,port=${port}`)).toEqual(["ECONNREFUSED"]);
    expect(ask(main, `kind=tcp,family=4,to=127.0.0.1,port=${port}`)[0]).toStartWith("main ");
    await after.stop();
  }
});

test("nobody reaches or takes the loopback of another context: not the main server, not a neighbour, tied or not", () => {
  const xid = contextOf("eps");
  const twin = `127.${xid >> 8}.${xid & 255}.1`;
  const twin6 = `fd76:7365:7276:6572::${xid.toString(16)}`;
  const specs = [
    `kind=tcp,family=4,to=${twin},port=3306`,
    `kind=tcp,family=6,to=${twin6},port=3306`,
    `kind=tcp,family=6,to=::ffff:${twin},port=3306`,
    `kind=tcp,family=4,to=${twin.replace(/1$/, "77")},port=3307`,
    `kind=udp,family=4,to=${twin.replace(/1$/, "77")},port=3307`,
    `kind=udp,family=4,to=${twin},port=3306`,
    `kind=udp,family=4,to=${twin},port=3306,connected=1`,
    ...["tcp", "mptcp"].flatMap((kind) => [
      `kind=${kind},family=4,to=${twin},port=3310`,
      `kind=${kind},family=6,to=${twin6},port=3311`,
    ]),
  ];
  for (const place of [main, tied("10.0.0.1", "fd00::1"), inGuest("zeta")]) {
    for (const answer of ask(place, ...specs)) expect(["ECONNREFUSED", "ENETUNREACH"]).toContain(answer);
    const bound = bind(
      place,
      ...[twin, twin.replace(/1$/, "77")].flatMap((at) => [
        `kind=tcp,at=${at},port=4000`,
        `kind=udp,at=${at},port=4000`,
      ]),
      `kind=tcp,family=6,at=${twin6}`,
    );
    for (const answer of bound) expect(answer).toBe("EADDRNOTAVAIL");
  }
});

test("in a network namespace of its own nobody is kept from addresses that are loopbacks here", () => {
  const xid = contextOf("eps");
  const twin = `127.${xid >> 8}.${xid & 255}.1`;
  const elsewhere = ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", ...main];
  const specs = [`kind=tcp,family=4,at=${twin},port=3306`, `kind=udp,family=4,at=${twin},port=3307`];
  expect(bind(elsewhere, ...specs)).toEqual([`bound ${twin}`, `bound ${twin}`]);
});

test("from its own loopback a server speaks to itself alone, not as a local one to services of the main server", async () => {
  const service = await serve(
    main,
    ...["tcp", "udp"].flatMap((kind) => [
      `kind=${kind},family=4,at=10.0.0.1,port=3397,tag=main`,
      `kind=${kind},family=6,at=fd00::1,port=3397,tag=main`,
    ]),
  );
  const ask4 = (kind: string, to: string, port: number) =>
    `kind=${kind},family=4,to=${to},port=${port},source=127.0.0.1`;
  const ask6 = (kind: string, to: string, port: number) => `kind=${kind},family=6,to=${to},port=${port},source=::1`;
  const toMain = ["tcp", "udp"].flatMap((kind) => [ask4(kind, "10.0.0.1", 3397), ask6(kind, "fd00::1", 3397)]);
  expect(ask(inGuest("eps"), ...toMain)).toEqual(["EINVAL", "EINVAL", "EINVAL", "EINVAL"]);
  const toSelf = [ask4("tcp", "10.0.0.61", 3307), ask4("udp", "127.0.0.1", 3306), ask6("tcp", "fd00::61", 3308)];
  for (const answer of ask(inGuest("eps"), ...toSelf)) expect(answer).toStartWith("eps ");
  await service.stop();
});

test("all of 127.0.0.0/8 is a server's own loopback, and none of it the main server's or a neighbour's", async () => {
  run("ip", "address", "add", "127.0.0.9/8", "dev", "lo");
  const onMain = await serve(tied("127.0.0.9"), "kind=tcp,family=4,port=3395,tag=main");
  for (const to of ["127.0.0.9", "127.0.0.2", "127.0.1.1", "127.200.1.254"]) {
    const shown = `127.0.0.${to.split(".")[3]}`;
    for (const port of [3307, 3308, 3311]) {
      const mapped = port === 3307 ? "" : "::ffff:";
      expect(ask(inGuest("zeta"), `kind=tcp,family=4,to=${to},port=${port}`)).toEqual([
        `zeta ${mapped}${shown} ${mapped}127.0.0.1 own 127.0.0.1 peer ${shown}`,
      ]);
    }
    expect(ask(inGuest("zeta"), `kind=udp,family=4,to=${to},port=3307`)[0]).toStartWith("zeta ");
    const exact = ask(inGuest("zeta"), `kind=tcp,family=4,to=${to},port=3306`)[0];
    expect(exact).toStartWith(shown === "127.0.0.1" ? "zeta 127.0.0.1 " : "ECONNREFUSED");
    expect(ask(inGuest("zeta"), `kind=tcp,family=4,to=${to},port=3395`)).toEqual(["ECONNREFUSED"]);
  }
  await onMain.stop();
});

// systemd-resolved serves at 127.0.0.53 and 127.0.0.54; Debian's installer gives the machine's name 127.0.1.1.
test("services may be bound to any of it, on one port, and are there for their own server alone", async () => {
  const places = ["127.0.0.53", "127.0.0.54", "127.0.1.1"];
  const kinds = ["tcp", "udp", "mptcp"];
  const own = await serve(
    inGuest("eps"),
    ...places.flatMap((at) =>
      kinds.map((kind) => `kind=${kind},at=${at},port=${kind === "mptcp" ? 5301 : 5300},tag=${at}`),
    ),
    "kind=tcp,family=6,at=::ffff:127.0.0.55,port=5300,tag=mapped",
  );
  const shown = (at: string) => `127.0.0.${at.split(".")[3]}`;
  expect(own.bound[0]).toBe("127.0.0.53 5300");
  for (const to of places) {
    for (const kind of kinds) {
      const question = `kind=${kind},family=4,to=${to},port=${kind === "mptcp" ? 5301 : 5300},connected=1,patience=1`;
      expect(ask(inGuest("eps"), question)[0]).toStartWith(`${to} ${shown(to)} `);
      for (const place of [main, inGuest("zeta")]) expect(ask(place, question)).toEqual(["ECONNREFUSED"]);
    }
  }
  const mapped = ask(inGuest("eps"), "kind=tcp,family=4,to=127.0.0.55,port=5300");
  expect(mapped[0]).toStartWith("mapped ::ffff:127.0.0.55 ::ffff:127.0.0.1 ");
  await own.stop();
});

test("what the main server has on every address is not on the loopback of a server", async () => {
  const specs = ["kind=tcp,family=4,port=3399,tag=main", "kind=tcp,family=6,port=3398,only=0,tag=main"];
  const everywhere = await serve(main, ...specs, "kind=udp,family=4,port=3399,tag=main");
  expect(ask(main, "kind=tcp,family=4,to=127.0.0.1,port=3399")[0]).toStartWith("main ");
  const questions = [
    "kind=tcp,family=4,to=127.0.0.1,port=3399",
    "kind=tcp,family=4,to=127.0.0.1,port=3398",
    "kind=tcp,family=6,to=::1,port=3398",
    "kind=udp,family=4,to=127.0.0.1,port=3399,patience=2",
  ];
  expect(ask(inGuest("eps"), ...questions)).toEqual(["ECONNREFUSED", "ECONNREFUSED", "ECONNREFUSED", "timeout"]);
  expect(ask(inGuest("eps"), "kind=tcp,family=4,to=10.0.0.1,port=3399")[0]).toStartWith("main ");
  await everywhere.stop();
});
