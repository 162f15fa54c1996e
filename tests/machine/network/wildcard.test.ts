/** A service on every address is reached on each of its own addresses and on no other, beside others on the same port. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ask, bind, inGuest, main, must, run, type Serving, serve, startGuest, stopGuest, tied } from "./guest.ts";

const mine = {
  alpha: ["10.0.0.21", "10.0.0.22", "fd00::21", "fd00::22"],
  beta: ["10.0.0.31", "10.0.0.32", "fd00::31"],
};
const onMain = ["10.0.0.1", "fd00::1"];
const foreign = "10.0.0.9";
const serving: Serving[] = [];

const everySocket = (tag: string) => [
  `kind=tcp,family=4,port=8080,tag=${tag}`,
  `kind=tcp,family=6,port=8080,only=1,tag=${tag}`,
  `kind=tcp,family=6,port=8081,only=0,tag=${tag}`,
  `kind=udp,family=4,port=8080,tag=${tag}`,
  `kind=udp,family=6,port=8080,only=1,tag=${tag}`,
  `kind=udp,family=6,port=8081,only=0,tag=${tag}`,
  `kind=mptcp,family=4,port=8082,tag=${tag}`,
  `kind=mptcp,family=6,port=8083,only=0,tag=${tag}`,
];

const family = (address: string) => (address.includes(":") ? 6 : 4);
const question = (address: string, kind: string, port = 8080) =>
  `kind=${kind},family=${family(address)},to=${address},port=${port}`;

beforeAll(async () => {
  must("vkernel", "load");
  run("ip", "address", "add", `${foreign}/24`, "dev", "eth0");
  run("ip", "address", "add", "fd00::1/64", "dev", "eth0", "nodad");
  for (const [name, addresses] of Object.entries(mine)) {
    startGuest(name, [`IPROOT="${addresses.join(" ")}"`, "IPROOTDEV=eth0"]);
    serving.push(await serve(inGuest(name), ...everySocket(name)));
  }
  serving.push(await serve(tied(...onMain), ...everySocket("main")));
}, 240_000);

afterAll(async () => {
  for (const server of serving) await server.stop();
  for (const name of Object.keys(mine)) stopGuest(name);
  run("ip", "address", "del", `${foreign}/24`, "dev", "eth0");
  run("ip", "address", "del", "fd00::1/64", "dev", "eth0");
});

const owners = [...Object.entries(mine), ["main", onMain] as const].flatMap(([tag, all]) =>
  all.map((at) => [at, tag] as const),
);

describe("two servers with several addresses each, and a third service on the main server", () => {
  test("TCP: each answers at every one of its addresses, and its accepted sockets have that address", () => {
    const answers = ask(main, ...owners.map(([at]) => question(at, "tcp")));
    answers.forEach((answer, index) => {
      const [at, tag] = owners[index] ?? ["", ""];
      expect(answer).toStartWith(`${tag} ${at} `);
      expect(answer).toEndWith(` peer ${at}`);
    });
  });

  test("TCP of both families through one socket", () => {
    const answers = ask(main, ...owners.map(([at]) => question(at, "tcp", 8081)));
    answers.forEach((answer, index) => {
      const [at, tag] = owners[index] ?? ["", ""];
      expect(answer).toStartWith(`${tag} ${family(at) === 4 ? `::ffff:${at}` : at} `);
    });
  });

  test("datagrams: each answers at every one of its addresses", () => {
    const answers = ask(main, ...owners.map(([at]) => question(at, "udp")));
    answers.forEach((answer, index) => {
      expect(answer).toStartWith(`${owners[index]?.[1]} `);
    });
  });

  test("datagrams of both families through one socket", () => {
    const answers = ask(main, ...owners.map(([at]) => question(at, "udp", 8081)));
    expect(answers.map((answer) => answer.split(" ")[0])).toEqual(owners.map(([, tag]) => tag));
  });

  test("MPTCP: the same, asked by MPTCP and by TCP, of both families through one socket", () => {
    for (const kind of ["mptcp", "tcp"]) {
      const four = owners.filter(([at]) => family(at) === 4);
      const answers = ask(main, ...four.map(([at]) => question(at, kind, 8082)));
      expect(answers.map((answer) => answer.split(" ").slice(0, 2))).toEqual(four.map(([at, tag]) => [tag, at]));
      const both = ask(main, ...owners.map(([at]) => question(at, kind, 8083)));
      expect(both.map((answer) => answer.split(" ").slice(0, 2))).toEqual(
        owners.map(([at, tag]) => [tag, family(at) === 4 ? `::ffff:${at}` : at]),
      );
    }
  });

  test("none of them answers at an address of the machine that nobody has", () => {
    const udp = [8080, 8081].map((port) => `${question(foreign, "udp", port)},patience=1`);
    const streams = [8080, 8081, 8082, 8083].map((port) => question(foreign, "tcp", port));
    const refused = streams.map(() => "ECONNREFUSED");
    expect(ask(main, ...streams, ...udp)).toEqual([...refused, "timeout", "timeout"]);
  });

  test("the main server's loopback reaches none of them", () => {
    const streams = [8080, 8082, 8083].flatMap((port) => ["127.0.0.1", "::1"].map((at) => question(at, "tcp", port)));
    const refused = streams.map(() => "ECONNREFUSED");
    expect(ask(main, ...streams, `${question("127.0.0.1", "udp")},patience=1`)).toEqual([...refused, "timeout"]);
  });

  test("the sockets believe to stand on their first address, and ss shows where they stand", () => {
    expect(serving[0]?.bound).toEqual([
      "10.0.0.21 8080",
      "fd00::21 8080",
      "::ffff:10.0.0.21 8081",
      "10.0.0.21 8080",
      "fd00::21 8080",
      "::ffff:10.0.0.21 8081",
      "10.0.0.21 8082",
      "::ffff:10.0.0.21 8083",
    ]);
    expect(must("ss", "-Htln")).toContain("10.0.0.21:8080");
  });
});

test("sixteen addresses are served as two are, and a seventeenth is not", async () => {
  const addresses = Array.from({ length: 16 }, (_, at) => `127.0.0.${at + 102}`);
  const all = await serve(tied(...addresses), ...["tcp", "udp"].map((kind) => `kind=${kind},port=8087,tag=sixteen`));
  for (const kind of ["tcp", "udp"]) {
    const answers = ask(main, ...addresses.map((at) => question(at, kind, 8087)));
    expect([kind, answers.map((answer) => answer.split(" ")[0])]).toEqual([kind, addresses.map(() => "sixteen")]);
  }
  const next = ["tcp", "udp"].map((kind) => `${question("127.0.0.118", kind, 8087)},connected=1`);
  expect(ask(main, ...next)).toEqual(["ECONNREFUSED", "ECONNREFUSED"]);
  await all.stop();
});

test("a listener that never called bind is reached on its own addresses only", async () => {
  const server = await serve(
    inGuest("alpha"),
    "kind=tcp,family=4,nobind=1,tag=unbound",
    "kind=tcp,family=6,nobind=1,tag=six",
    "kind=mptcp,family=6,nobind=1,tag=paths",
  );
  const [port, port6, paths] = server.bound.map((line) => Number(line.split(" ")[1]));
  const at = (address: string, which = port) => question(address, "tcp", which);
  const answers = ask(main, at("10.0.0.21"), at("10.0.0.22"), at("10.0.0.1"), at("10.0.0.31"), at("127.0.0.1"));
  expect(answers.map((answer) => answer.split(" ")[0])).toEqual([
    "unbound",
    "unbound",
    "ECONNREFUSED",
    "ECONNREFUSED",
    "ECONNREFUSED",
  ]);
  const both = ask(main, at("fd00::22", port6), at("10.0.0.22", port6), at("fd00::1", port6), at("10.0.0.1", port6));
  expect(both.map((answer) => answer.split(" ")[0])).toEqual(["six", "six", "ECONNREFUSED", "ECONNREFUSED"]);
  const multipath = ["fd00::22", "10.0.0.22", "fd00::1", "10.0.0.1", "127.0.0.1"].map((address) => at(address, paths));
  expect(ask(main, ...multipath).map((answer) => answer.split(" ")[0])).toEqual([
    ...["paths", "paths"],
    ...["ECONNREFUSED", "ECONNREFUSED", "ECONNREFUSED"],
  ]);
  await server.stop();
});

test("an address that a service on every address serves is taken, for its own server too, until it ends", async () => {
  const all = await serve(
    inGuest("alpha"),
    "kind=tcp,family=4,port=8085,tag=all",
    "kind=udp,family=4,port=8085,tag=all",
  );
  const exact = ["kind=tcp,family=4,at=10.0.0.22,port=8085", "kind=udp,family=4,at=10.0.0.22,port=8085"];
  // The socket of both families at 8081 stands on an IPv4 address.
  expect(bind(main, "kind=udp,family=6,at=fd00::21,port=8081")).toEqual(["EADDRINUSE"]);
  const local = ["kind=tcp,family=4,at=127.0.0.1,port=8085", "kind=udp,family=4,at=127.0.0.1,port=8085"];
  for (const answer of bind(inGuest("alpha"), ...exact, ...local)) expect(answer).toBe("EADDRINUSE");
  await all.stop();
  expect(bind(inGuest("alpha"), ...exact)).toEqual(["bound 10.0.0.22", "bound 10.0.0.22"]);
});

test("a user who ties himself to a server's further address is given nothing that is meant for the server", async () => {
  const user = (...addresses: string[]) => ["setpriv", "--reuid", "1000", "--clear-groups", ...tied(...addresses)];
  // At 8082 the server has an MPTCP listener.
  const ports = [["tcp", 8080] as const, ["udp", 8080] as const, ["tcp", 8082] as const, ["mptcp", 8082] as const];
  const everywhere = ports.map(([kind, port]) => `kind=${kind},family=4,port=${port}`);
  const there = ports.map(([kind, port]) => `kind=${kind},family=4,at=10.0.0.22,port=${port}`);
  // Each of these would be bound before the server's own socket at 10.0.0.21 is looked at.
  for (const answer of bind(user("127.0.0.5", "10.0.0.22"), ...everywhere, ...there)) expect(answer).toBe("EADDRINUSE");
  for (const answer of bind(user("10.0.0.22"), ...everywhere, ...there)) expect(answer).toBe("EADDRINUSE");
  expect(bind(main, "kind=udp,family=4,at=10.0.0.22,port=8080")).toEqual(["EADDRINUSE"]);
  // Bound first and listening afterwards: whoever listens first has it.
  const pairs = ["tcp", "mptcp"].flatMap((mine) => ["tcp", "mptcp"].map((theirs) => [mine, theirs] as const));
  for (const [mine, theirs] of pairs) {
    const late = await serve(user("127.0.0.5", "10.0.0.22"), `kind=${theirs},family=4,port=8086,tag=late,listen=0`);
    const own = await serve(inGuest("alpha"), `kind=${mine},family=4,port=8086,tag=alpha`);
    late.go();
    await Bun.sleep(500);
    const answers = ["tcp", "mptcp"].map((kind) => ask(main, question("10.0.0.22", kind, 8086))[0]?.split(" ")[0]);
    expect([mine, theirs, ...answers]).toEqual([mine, theirs, "alpha", "alpha"]);
    await late.stop();
    await own.stop();
  }
});

test("SO_REUSEPORT of another context on the same port takes nothing over", async () => {
  const spec = (tag: string) => `kind=tcp,family=4,port=8090,reuse=1,tag=${tag}`;
  const one = await serve(inGuest("alpha"), spec("alpha"), spec("alpha"));
  const two = await serve(inGuest("beta"), spec("beta"));
  const questions = Array.from({ length: 8 }, () => question("10.0.0.22", "tcp", 8090));
  for (const answer of ask(main, ...questions)) expect(answer).toStartWith("alpha ");
  expect(ask(main, question("10.0.0.32", "tcp", 8090))[0]).toStartWith("beta ");
  await one.stop();
  await two.stop();
});

test("who binds ten thousands of sockets crowds out nobody: a server's further addresses are served, and taken", async () => {
  const crowd = `
import socket
for port in range(20000, 50000):
    try:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("", port))
        made.close()
    except OSError: pass
print("done")`;
  expect(must("vexec", "beta", "python3", "-c", crowd)).toBe("done\n");
  const questions = [
    question("10.0.0.22", "udp"),
    question("fd00::22", "udp"),
    question("fd00::22", "udp", 8081),
    question("10.0.0.22", "tcp", 8082),
    question("fd00::22", "tcp", 8083),
  ];
  for (const answer of ask(main, ...questions)) expect(answer).toStartWith("alpha ");
  const local = [question("127.0.0.1", "udp"), question("127.0.0.1", "tcp", 8082), question("::1", "tcp", 8083)];
  expect(ask(inGuest("alpha"), ...local).map((answer) => answer.split(" ")[0])).toEqual(["alpha", "alpha", "alpha"]);
  const user = ["setpriv", "--reuid", "1000", "--clear-groups", ...tied("127.0.0.5", "10.0.0.22")];
  const taken = ["kind=udp,family=4,at=10.0.0.22,port=8080", "kind=tcp,family=4,at=10.0.0.22,port=8082"];
  expect(bind(user, ...taken)).toEqual(["EADDRINUSE", "EADDRINUSE"]);
}, 300_000);

test("what is bound to the same address and port in another network namespace does not make it forgotten", async () => {
  const both = await serve(tied("127.0.1.11", "127.0.1.12"), "kind=udp,port=8093,tag=both");
  const elsewhere = ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", ...main];
  expect(bind(elsewhere, "kind=udp,family=4,at=127.0.1.12,port=8093")).toEqual(["bound 127.0.1.12"]);
  expect(ask(main, question("127.0.1.12", "udp", 8093))[0]).toStartWith("both ");
  await both.stop();
  // Nor does whoever is tied to a server's address lead what comes for it astray from there.
  const tiedElsewhere = ["chbind", "--silent", "--ip", "127.0.0.5", "--ip", "10.0.0.22", ...elsewhere];
  run(...tiedElsewhere, "bind", "kind=udp,family=4,port=8080", "kind=mptcp,family=4,port=8082");
  for (const answer of ask(main, question("10.0.0.22", "udp"), question("10.0.0.22", "tcp", 8082)))
    expect(answer).toStartWith("alpha ");
});

test("addresses that come to another server, or to the same one in another order, are served as if nobody had had them", async () => {
  const specs = (tag: string) => ["mptcp", "udp"].map((kind) => `kind=${kind},port=8096,tag=${tag}`);
  const start = (name: string, addresses: string) =>
    startGuest(name, [`IPROOT="${addresses}"`, "IPROOTDEV=eth0", "IPROOTMASK=255.255.255.0"]);
  start("theta", "10.0.0.41 10.0.0.42");
  const before = await serve(inGuest("theta"), ...specs("before"));
  await before.stop();
  stopGuest("theta");
  // Now somebody else stands where the service at 10.0.0.42 stood.
  start("iota", "10.0.0.41");
  start("theta", "10.0.0.43 10.0.0.42");
  const iota = await serve(inGuest("iota"), ...specs("iota"), "kind=tcp,port=8097,tag=iota");
  const theta = await serve(inGuest("theta"), ...specs("theta"), "kind=tcp,port=8097,tag=theta");
  for (const [at, tag] of [["10.0.0.41", "iota"] as const, ["10.0.0.42", "theta"] as const]) {
    const questions = [question(at, "mptcp", 8096), question(at, "udp", 8096), question(at, "tcp", 8097)];
    for (const answer of ask(main, ...questions)) expect(answer).toStartWith(`${tag} `);
  }
  await iota.stop();
  await theta.stop();
  for (const name of ["iota", "theta"]) stopGuest(name);
}, 120_000);

test("SO_REUSEPORT within a server: while any listener is left, every address and the loopback are served", async () => {
  const places = ["10.0.0.21", "10.0.0.22", "fd00::22", "127.0.0.1", "::1"];
  const start = (tag: string) =>
    serve(
      inGuest("alpha"),
      `kind=tcp,family=6,only=0,port=8091,reuse=1,tag=${tag}`,
      `kind=tcp,family=4,at=127.0.0.1,port=8092,reuse=1,tag=${tag}`,
    );
  const answers = () => {
    const questions = [...places.map((at) => question(at, "tcp", 8091)), question("127.0.0.1", "tcp", 8092)];
    return [...new Set(ask(inGuest("alpha"), ...questions).map((answer) => answer.split(" ")[0] ?? ""))].sort();
  };
  const first = await start("first");
  const second = await start("second");
  await first.stop();
  expect(answers()).toEqual(["second"]);
  const third = await start("third");
  await second.stop();
  expect(answers()).toEqual(["third"]);
  // The newest goes, as one does that found its configuration faulty.
  const fourth = await start("fourth");
  await fourth.stop();
  expect(answers()).toEqual(["third"]);
  await third.stop();
  expect(answers()).toEqual(["ECONNREFUSED"]);
  const later = await serve(main, "kind=tcp,family=4,port=8092,tag=main");
  expect(ask(inGuest("alpha"), question("127.0.0.1", "tcp", 8092))).toEqual(["ECONNREFUSED"]);
  await later.stop();
});
