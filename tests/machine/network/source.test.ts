/** Whoever is tied to addresses speaks from them alone: by every kind of socket, whatever the program asks for. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { ask, bind, inGuest, main, must, run, type Serving, serve, startGuest, stopGuest, tied } from "./guest.ts";

let listening: Serving;

beforeAll(async () => {
  must("vkernel", "load");
  run("ip", "address", "add", "fd00::1/64", "dev", "eth0", "nodad");
  run("ip", "address", "add", "10.1.0.1/24", "dev", "eth0");
  const three = 'IPROOT="10.0.0.41/24 10.1.0.41/24 fd00::41/64"';
  startGuest("gamma", [three, "IPROOTDEV=eth0", "S_CAPS=CAP_NET_RAW"]);
  startGuest("delta", ['IPROOT="10.0.0.51/24"', "IPROOTDEV=eth0"]);
  listening = await serve(
    main,
    "kind=tcp,family=6,port=9000,only=0,tag=main",
    "kind=udp,family=6,port=9000,only=0,tag=main",
    "kind=mptcp,family=4,port=9001,tag=multi",
    "kind=udp,family=6,at=fd00::1,port=9002,tag=main",
  );
}, 240_000);

afterAll(async () => {
  await listening.stop();
  for (const name of ["gamma", "delta"]) stopGuest(name);
  run("ip", "address", "del", "fd00::1/64", "dev", "eth0");
  run("ip", "address", "del", "10.1.0.1/24", "dev", "eth0");
});

/** The address the main server saw. */
const seen = (answers: readonly string[]) =>
  answers.map((answer) => answer.split(" ")[2]?.replace("::ffff:", "") ?? answer);

const to = (address: string, more = "") =>
  `kind=tcp,family=${address.includes(":") ? 6 : 4},to=${address},port=9000${more}`;
const send = (address: string, more = "") => to(address, more).replace("kind=tcp", "kind=udp");

test("the source is the own address whose network holds the destination, else the first", () => {
  const answers = ask(inGuest("gamma"), to("10.0.0.1"), to("10.1.0.1"), to("fd00::1"), to("::ffff:10.1.0.1"));
  expect(seen(answers)).toEqual(["10.0.0.41", "10.1.0.41", "fd00::41", "10.1.0.41"]);
  expect(seen(ask(tied("10.0.0.1"), to("10.1.0.1")))).toEqual(["10.0.0.1"]);
});

test("datagrams, unconnected and connected, follow the same rule", () => {
  const plain = [send("10.0.0.1"), send("10.1.0.1"), send("fd00::1"), send("::ffff:10.1.0.1")];
  const sources = ["10.0.0.41", "10.1.0.41", "fd00::41", "10.1.0.41"];
  expect(seen(ask(inGuest("gamma"), ...plain))).toEqual(sources);
  // A service on every IPv6 address answers a neighbour on the same machine from the neighbour's own address.
  const connected = plain.map((spec) => `${spec.replace("fd00::1,port=9000", "fd00::1,port=9002")},connected=1`);
  expect(seen(ask(inGuest("gamma"), ...connected))).toEqual(sources);
});

test("an own address that is asked for is taken, by bind and by IP_PKTINFO", () => {
  expect(seen(ask(inGuest("gamma"), to("10.0.0.1", ",source=10.1.0.41")))).toEqual(["10.1.0.41"]);
  expect(seen(ask(inGuest("gamma"), send("10.0.0.1", ",pktinfo=10.1.0.41")))).toEqual(["10.1.0.41"]);
});

test("TCP Fast Open and MPTCP speak from the own address", () => {
  expect(seen(ask(inGuest("gamma"), to("10.1.0.1", ",fastopen=1")))).toEqual(["10.1.0.41"]);
  const multipath = "kind=mptcp,family=4,to=10.1.0.1,port=9001";
  expect(seen(ask(inGuest("gamma"), multipath))).toEqual(["10.1.0.41"]);
});

test("a foreign address is not bound to by any kind of socket, of either family", () => {
  // Newer kernels have no UDP-Lite.
  const udplite = bind(main, "kind=udplite,family=4,at=10.0.0.1")[0] !== "EPROTONOSUPPORT";
  const kinds = ["tcp", "udp", "mptcp", ...(udplite ? ["udplite"] : [])];
  const specs = kinds.flatMap((kind) => [
    `kind=${kind},family=4,at=10.0.0.1`,
    `kind=${kind},family=4,at=127.0.0.2`,
    `kind=${kind},family=4,at=10.0.0.1,option=freebind`,
    ...(kind === "mptcp" ? [] : [`kind=${kind},family=6,at=fd00::1`, `kind=${kind},family=6,at=::ffff:10.0.0.1`]),
  ]);
  for (const answer of bind(inGuest("gamma"), ...specs)) expect(answer).toBe("EADDRNOTAVAIL");
  for (const answer of bind(tied("10.1.0.1"), ...specs)) expect(answer).toBe("EADDRNOTAVAIL");
});

test("a foreign address is not spoken from through IP_PKTINFO or IPV6_PKTINFO, on a connected socket either", () => {
  const asked = ["10.0.0.51", "10.0.0.1"].map((address) => send("10.1.0.1", `,pktinfo=${address}`));
  const connected = asked.map((spec) => `${spec},connected=1`);
  const sources = ["10.1.0.41", "10.1.0.41", "10.1.0.41", "10.1.0.41"];
  expect(seen(ask(inGuest("gamma"), ...asked, ...connected))).toEqual(sources);
  const asked6 = send("fd00::1", ",pktinfo=fd00::1");
  expect(seen(ask(inGuest("gamma"), asked6, `${asked6.replace("9000", "9002")},connected=1`))).toEqual([
    "fd00::41",
    "fd00::41",
  ]);
});

test("a packet forged by a raw socket is dropped and counted, also by root that was given CAP_NET_RAW", async () => {
  const dropped = () => JSON.parse(must("vserver", "--json", "gamma", "status")).dropped;
  const forge = (source: string) =>
    run(...inGuest("gamma"), "forge", `source=${source},to=10.0.0.1,port=9000`).out.trim();
  expect(forge("10.1.0.41")).toBe("sent");
  expect(dropped()).toBe(0);
  expect([forge("10.0.0.51"), forge("10.0.0.1"), forge("192.0.2.1")]).toEqual(["EPERM", "EPERM", "EPERM"]);
  expect(dropped()).toBe(3);
});

test("ping works with CAP_NET_RAW, which S_CAPS gives back", () => {
  must("sysctl", "-q", "net.ipv4.ping_group_range=1 0");
  expect(run("vexec", "gamma", "ping", "-c", "1", "-W", "5", "10.0.0.1").out).toContain("1 received");
  expect(run("vexec", "delta", "ping", "-c", "1", "-W", "5", "10.0.0.1").status).not.toBe(0);
});

test("io_uring binds, connects and sends by the same rules", () => {
  must("gcc", "-O1", "-o", "/tmp/ring", `${import.meta.dir}/ring.c`);
  const ring = (...words: string[]) => run("chbind", "--silent", "--ip", "10.1.0.1", "/tmp/ring", ...words).out.trim();
  expect(ring("bind", "0.0.0.0", "4001")).toBe("10.1.0.1");
  expect(ring("bind", "10.0.0.1", "4001")).toBe("EADDRNOTAVAIL");
  expect(ring("connect", "10.0.0.1", "9000")).toBe("10.1.0.1");
  expect(ring("send", "10.0.0.1", "9000")).toContain("::ffff:10.1.0.1");
});

test("a socket that is handed in from the main server follows the rule of who uses it", () => {
  const inherit = `import socket, subprocess, sys
one = socket.socket(); two = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
code = """
import socket, sys, errno
for at, kind in ((int(sys.argv[1]), 1), (int(sys.argv[2]), 2)):
    made = socket.socket(fileno=at)
    try: made.bind(("10.0.0.1", 0)); print("bound", made.getsockname()[0])
    except OSError as error: print(errno.errorcode[error.errno])
    made.connect(("10.0.0.1", 9000)); print(made.getsockname()[0])
"""
words = ["chbind", "--silent", "--ip", "10.1.0.1", sys.executable, "-c", code, str(one.fileno()), str(two.fileno())]
subprocess.run(words, pass_fds=(one.fileno(), two.fileno()))`;
  expect(must("python3", "-c", inherit).trim().split("\n")).toEqual([
    "EADDRNOTAVAIL",
    "10.1.0.1",
    "EADDRNOTAVAIL",
    "10.1.0.1",
  ]);
});

test("packet sockets and protocols no hook sees are refused, also to root", () => {
  expect(bind(tied("10.0.0.1"), "kind=packet", "kind=sctp,at=10.0.0.1")).toEqual(["EPERM", "EPERM"]);
});

test("raw and ping sockets of a tied root are bound to own addresses only", () => {
  must("sysctl", "-q", "net.ipv4.ping_group_range=0 2147483647");
  const specs = ["kind=raw,at=10.0.0.1", "kind=raw,at=10.1.0.1", "kind=ping,at=10.0.0.1", "kind=ping,at=10.1.0.1"];
  const answers = bind(tied("10.1.0.1"), ...specs);
  expect(answers).toEqual(["EADDRNOTAVAIL", "bound 10.1.0.1", "EADDRNOTAVAIL", "bound 10.1.0.1"]);
});

test("a server without an IPv6 address has no IPv6, and its wildcard binds succeed out of reach", async () => {
  expect(ask(inGuest("delta"), to("fd00::1"), send("fd00::1"))).toEqual(["ENETUNREACH", "ENETUNREACH"]);
  expect(bind(inGuest("delta"), "kind=tcp,family=6,at=fd00::1")).toEqual(["EADDRNOTAVAIL"]);
  const server = await serve(inGuest("delta"), "kind=tcp,family=6,port=9100,only=1,tag=out");
  expect(server.bound).toEqual([":: 9100"]);
  expect(ask(main, "kind=tcp,family=6,to=fd00::1,port=9100", "kind=tcp,family=6,to=::1,port=9100")).toEqual([
    "ECONNREFUSED",
    "ECONNREFUSED",
  ]);
  await server.stop();
});

test("inside chbind only addresses of its own can be chosen, and none comes back", () => {
  const inner = (...words: string[]) =>
    run("chbind", "--silent", "--ip", "10.0.0.1", "--ip", "10.1.0.1", "chbind", "--silent", ...words);
  expect(inner("--ip", "10.1.0.1", "chbind", "--ip", "10.0.0.1", "true").status).toBe(255);
  expect(inner("--ip", "10.0.0.41", "true").status).toBe(255);
  expect(inner("--ip", "10.1.0.1", "vinfo").out).toContain("ipv4root: 10.1.0.1\n");
  expect(inner("vinfo").out).toContain("ipv4root: 10.0.0.1 10.1.0.1\n");
});
