/** Whoever is tied to addresses speaks from them alone: by every kind of socket, whatever the program asks for. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  ask,
  bind,
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
  tied,
} from "./guest.ts";

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
  // Without a loopback of its own, localhost is the main server's, and is told the address that was chosen.
  expect(seen(ask(tied("10.0.0.1"), to("10.1.0.1"), to("127.0.0.1")))).toEqual(["10.0.0.1", "10.0.0.1"]);
});

test("datagrams, unconnected and connected, follow the same rule", () => {
  const plain = [send("10.0.0.1"), send("10.1.0.1"), send("fd00::1"), send("::ffff:10.1.0.1")];
  const sources = ["10.0.0.41", "10.1.0.41", "fd00::41", "10.1.0.41"];
  expect(seen(ask(inGuest("gamma"), ...plain))).toEqual(sources);
  // A service on every IPv6 address answers a neighbour on the same machine from the neighbour's own address.
  const connected = plain.map((spec) => `${spec.replace("fd00::1,port=9000", "fd00::1,port=9002")},connected=1`);
  expect(seen(ask(inGuest("gamma"), ...connected))).toEqual(sources);
});

test("an IPv6 socket that is given an IPv4 address in that family's own form does, too", () => {
  const script = `import ctypes, socket, struct
call = ctypes.CDLL(None)
to = struct.pack("=HH4s8x", 2, socket.htons(9000), socket.inet_aton("10.1.0.1"))
for connected in 0, 1:
    made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); made.settimeout(4)
    if connected: call.connect(made.fileno(), to, 16); made.send(b"x")
    else: call.sendto(made.fileno(), b"x", 1, 0, to, 16)
    print(made.recv(99).decode())`;
  expect(seen(must("vexec", "gamma", "python3", "-c", script).trim().split("\n"))).toEqual(["10.1.0.41", "10.1.0.41"]);
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
  const specs = ["tcp", "udp", "mptcp"].flatMap((kind) => [
    `kind=${kind},family=4,at=10.0.0.1`,
    `kind=${kind},family=4,at=10.0.0.1,option=freebind`,
    `kind=${kind},family=4,at=10.0.0.1,option=transparent`,
    `kind=${kind},family=4,at=10.0.0.1,device=lo`,
    ...(kind === "mptcp"
      ? []
      : ["fd00::1", "fd00::1,option=freebind6", "fd00::1,option=transparent6", "::ffff:10.0.0.1"].map(
          (at) => `kind=${kind},family=6,at=${at}`,
        )),
  ]);
  for (const answer of bind(inGuest("gamma"), ...specs)) expect(answer).toBe("EADDRNOTAVAIL");
  const loopback = ["tcp", "udp", "mptcp"].map((kind) => `kind=${kind},family=4,at=127.0.0.2`);
  for (const answer of bind(tied("10.1.0.1"), ...specs, ...loopback)) expect(answer).toBe("EADDRNOTAVAIL");
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
  // Its loopback is spoken from to itself alone: the main server lets more pass from 127.0.0.0/8.
  const loop = JSON.parse(must("vserver", "--json", "gamma", "status")).context;
  expect(forge(`127.${loop >> 8}.${loop & 255}.1`)).toBe("EPERM");
});

test("an echo request leaves from no address that another server has, nor from one that the kernel has not chosen", () => {
  const ping = (...specs: string[]) => run(...inGuest("gamma"), "ping", ...specs.map((spec) => `kind=raw,${spec}`)).out;
  const answers = ping("to=10.0.0.1", "to=10.0.0.51", "to=10.0.0.41", "to=10.0.0.1,pktinfo=10.1.0.41").trim();
  expect(answers.split("\n")).toEqual(["answered", "answered", "answered", "answered"]);
  const neighbour = "to=10.0.0.1,pktinfo=10.0.0.51";
  expect(ping(neighbour, "to=10.0.0.1,pktinfo=192.0.2.1,option=transparent").trim().split("\n")).toEqual([
    "EPERM",
    "EPERM",
  ]);
  for (const source of ["10.0.0.51", "10.0.0.1", "192.0.2.1"]) {
    const forged = run(...inGuest("gamma"), "forge", `source=${source},to=10.0.0.1,port=0,echo=1`).out.trim();
    expect([source, forged]).toEqual([source, "EPERM"]);
  }
});

test("a datagram socket that was given its port by sending is reached at its server's addresses alone", async () => {
  const stray = await serve(inGuest("gamma"), "kind=udp,family=4,speak=10.0.0.1,tag=stray");
  const [any, port] = stray.bound[0]?.split(" ") ?? [];
  expect(any).toBe("0.0.0.0");
  const question = (at: string) => `kind=udp,family=4,to=${at},port=${port},patience=2`;
  expect(ask(main, question("10.0.0.41"))[0]).toStartWith("stray ");
  expect(ask(main, question("10.0.0.1"), question("10.0.0.51"))).toEqual(["timeout", "timeout"]);
  await stray.stop();
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
  // By a thread of the kernel's, and by one that it makes for what may take long.
  for (const way of ["polled", "worker"]) {
    expect([way, ring("bind", "10.0.0.1", "4001", way)]).toEqual([way, "EADDRNOTAVAIL"]);
    expect([way, ring("connect", "10.0.0.1", "9000", way)]).toEqual([way, "10.1.0.1"]);
    expect(ring("send", "10.0.0.1", "9000", way)).toContain("::ffff:10.1.0.1");
  }
});

test("a socket that is inherited or passed on from the main server follows the rule of who uses it", () => {
  const inherit = `import socket, subprocess, sys
one = socket.socket(); two = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
mine, theirs = socket.socketpair()
passed = [socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
socket.send_fds(mine, [b"x"], [made.fileno() for made in passed])
code = """
import socket, sys, errno
_, passed, _, _ = socket.recv_fds(socket.socket(fileno=int(sys.argv[3])), 9, 2)
for at in (int(sys.argv[1]), int(sys.argv[2]), *passed):
    made = socket.socket(fileno=at)
    try: made.bind(("10.0.0.1", 0)); print("bound", made.getsockname()[0])
    except OSError as error: print(errno.errorcode[error.errno])
    made.connect(("10.0.0.1", 9000)); print(made.getsockname()[0])
"""
inherited = (one.fileno(), two.fileno(), theirs.fileno())
words = ["chbind", "--silent", "--ip", "10.1.0.1", sys.executable, "-c", code, *map(str, inherited)]
subprocess.run(words, pass_fds=inherited)`;
  expect(must("python3", "-c", inherit).trim().split("\n")).toEqual([
    ...Array.from({ length: 4 }, () => ["EADDRNOTAVAIL", "10.1.0.1"]).flat(),
  ]);
});

test("other families and protocols no hook sees are refused, also to root", () => {
  // Without a protocol the kernel takes SCTP for the type of `seqpacket`.
  const kinds = ["packet", "xdp", "vsock", "sctp", "seqpacket", "udplite"];
  const specs = kinds.map((kind) => `kind=${kind},at=10.0.0.1`);
  for (const place of [tied("10.0.0.1"), inGuest("gamma")])
    expect(bind(place, ...specs)).toEqual(kinds.map(() => "EPERM"));
  for (const answer of bind(main, ...specs)) expect(answer).not.toBe("EPERM");
});

test("a broadcast address is bound to where chbind was told of it, by number or with its device", () => {
  const tie = (...words: string[]): Place => ["chbind", "--silent", ...words, ...talk];
  const at = (place: Place) => bind(place, "kind=udp,at=10.0.0.255,port=4003", "kind=udp,at=10.1.0.255,port=4003");
  expect(at(tie("--ip", "10.0.0.1"))).toEqual(["EADDRNOTAVAIL", "EADDRNOTAVAIL"]);
  expect(at(tie("--ip", "10.0.0.1", "--bcast", "10.0.0.255"))).toEqual(["bound 10.0.0.255", "EADDRNOTAVAIL"]);
  expect(at(tie("--ip", "eth0"))).toEqual(["bound 10.0.0.255", "EADDRNOTAVAIL"]);
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
  // It stands on a port of the loopback that the kernel has chosen: others have theirs on that port at their addresses.
  const place = /\[::1\]:(\d{5})\s/.exec(must("ss", "-Htln6"))?.[1];
  const other = await serve(main, `kind=tcp,family=6,at=fd00::1,port=${place},tag=other`);
  expect(ask(main, `kind=tcp,family=6,to=fd00::1,port=${place}`)[0]).toStartWith("other ");
  expect(ask(main, `kind=tcp,family=6,to=::1,port=${place}`)).toEqual(["ECONNREFUSED"]);
  await other.stop();
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
