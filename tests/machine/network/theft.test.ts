/** Nobody is given what is meant for another: not by what he ties himself to, nor by a socket that serves more than it should. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
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
} from "./guest.ts";

const context = 2900;
const loopbacks = [`127.${context >> 8}.${context & 255}.1`, `fd76:7365:7276:6572::${context.toString(16)}`] as const;
const [first, second] = ["10.0.0.81", "10.0.0.82"];

beforeAll(() => {
  must("vkernel", "load");
  run("ip", "address", "add", "fd00::1/64", "dev", "eth0", "nodad");
  startGuest("victim", [
    `IPROOT="${first} ${second} fd00::81 fd00::82"`,
    "IPROOTDEV=eth0",
    `S_CONTEXT=${context}`,
    "S_CAPS=CAP_NET_RAW",
  ]);
}, 240_000);
afterAll(() => {
  stopGuest("victim");
  run("ip", "address", "del", "fd00::1/64", "dev", "eth0");
});

/** An ordinary user who ties himself to addresses. */
const user = (...words: string[]): Place => [
  ...["setpriv", "--reuid", "1000", "--clear-groups", "chbind", "--silent"],
  ...words,
  ...talk,
];
const tiedTo = (...addresses: string[]): Place => user(...addresses.flatMap((address) => ["--ip", address]));
const question = (to: string, port: number, kind = "tcp") =>
  `kind=${kind},family=${to.includes(":") ? 6 : 4},to=${to},port=${port}`;
const who = (place: Place, ...questions: string[]) => ask(place, ...questions).map((answer) => answer.split(" ")[0]);

describe("the loopback of a server", () => {
  test("is nothing to be tied to, whether there is such a server or not", () => {
    for (const address of [...loopbacks, "127.0.2.1", "127.255.255.255", "fd76:7365:7276:6572::ffff"]) {
      for (const words of [
        ["--ip", address],
        ["--ip", "127.0.0.5", "--ip", address],
      ]) {
        const { status, out } = run(...user(...words), "bind", "kind=udp,port=5300");
        expect([address, status, out]).toEqual([address, 255, expect.stringContaining("loopback of a context")]);
      }
    }
    const broadcast = run(...user("--ip", "127.0.0.5", "--bcast", loopbacks[0]), "bind", "kind=udp,port=5300");
    expect(broadcast).toMatchObject({ status: 255 });
    expect(bind(tiedTo("127.0.0.5", "127.0.1.5"), "kind=udp,port=5300")).toEqual(["bound 127.0.0.5"]);
  });

  test("is not among the addresses of lo, nor in IPROOT=ALL", async () => {
    expect(run(...user("--ip", "lo"), "bind", `kind=udp,family=6,at=${loopbacks[1]},port=5300`).out).toContain(
      "EADDRNOTAVAIL",
    );
    startGuest("every", ["IPROOT=ALL"]);
    const seen = must("vserver", "--json", "every", "status");
    const service = await serve(inGuest("every"), "kind=tcp,family=6,only=1,port=5301,tag=every");
    stopGuest("every");
    await service.stop();
    expect(seen).not.toContain("fd76:");
    expect(service.bound[0]).toStartWith("fd00::");
  });

  test("gives nothing to who stands there from before the server was", async () => {
    stopGuest("victim");
    const squatter = await serve(
      main,
      ...[`at=${loopbacks[0]}`, `at=${loopbacks[0].replace(/1$/, "9")}`].map(
        (at) => `kind=udp,${at},port=5302,tag=thief`,
      ),
    );
    must("vserver", "--silent", "victim", "start");
    const questions = ["127.0.0.1", "127.0.0.9"].map((to) => `${question(to, 5302, "udp")},patience=1`);
    expect(ask(inGuest("victim"), ...questions)).toEqual(["timeout", "timeout"]);
    await squatter.stop();
  });

  test("is reached from an address of the server's own that a client was bound to, too", async () => {
    const service = await serve(
      inGuest("victim"),
      ...["tcp", "mptcp"].map((kind, at) => `kind=${kind},family=6,only=0,port=${5303 + at},tag=own`),
      "kind=tcp,at=127.0.0.1,port=5305,tag=own",
    );
    for (const port of [5303, 5304, 5305])
      expect(who(inGuest("victim"), `${question("127.0.0.1", port)},source=${second}`)).toEqual(["own"]);
    for (const port of [5303, 5304])
      expect(who(inGuest("victim"), `${question("::1", port)},source=fd00::82`)).toEqual(["own"]);
    await service.stop();
  });

  test("is served by a datagram socket whose port the kernel has chosen", async () => {
    // Of one that has no other: it is known by no port.
    startGuest("chosen", ['IPROOT="10.0.0.83 10.0.0.84"', "IPROOTDEV=eth0"]);
    const service = await serve(inGuest("chosen"), "kind=udp,tag=own", "kind=udp,family=6,only=0,tag=own");
    const ports = service.bound.map((line) => Number(line.split(" ")[1]));
    for (const port of ports) {
      const questions = [question("127.0.0.1", port, "udp"), question("10.0.0.84", port, "udp")];
      expect(who(inGuest("chosen"), ...questions)).toEqual(["own", "own"]);
    }
    await service.stop();
    stopGuest("chosen");
  });

  test("is served until the last of three MPTCP listeners with SO_REUSEPORT has ended", async () => {
    const start = () => serve(inGuest("victim"), "kind=mptcp,at=127.0.0.1,port=5306,reuse=1,tag=own");
    const three = [await start(), await start(), await start()];
    for (const [at, one] of three.entries()) {
      expect([at, ...who(inGuest("victim"), question("127.0.0.1", 5306))]).toEqual([at, "own"]);
      await one.stop();
    }
    expect(ask(inGuest("victim"), question("127.0.0.1", 5306))).toEqual(["ECONNREFUSED"]);
  });

  test("of the main server is not reached by a raw socket", () => {
    const forge = (to: string) => run(...inGuest("victim"), "forge", `source=${first},to=${to},port=5307`).out.trim();
    expect([forge("10.0.0.1"), forge("127.0.0.1"), forge("127.0.0.53")]).toEqual(["sent", "EPERM", "EPERM"]);
  });
});

describe("a listener on every address takes nothing from one that was there before, nor gives up to a later one", () => {
  /** Whose it is, who has it, where, who wants it, asked at; whether the owner is refused when he comes second; undefined: docs/threat-model.md. */
  const cases: readonly (readonly [string, Place, string, Place, string, boolean | undefined])[] = [
    ["the main server's, on its loopback", main, "at=127.0.0.1", tiedTo("127.0.0.5", "127.0.0.1"), "127.0.0.1", true],
    [
      "the main server's, on all of IPv6",
      main,
      "family=6,only=1",
      tiedTo("127.0.0.5", "fd00::1"),
      "fd00::1",
      undefined,
    ],
    [
      "a server's, on its further address",
      inGuest("victim"),
      `at=${second}`,
      tiedTo("127.0.0.5", second),
      second,
      false,
    ],
    ["its own server's, on a further address", inGuest("victim"), `at=${second}`, inGuest("victim"), second, true],
  ];
  for (const [what, owner, at, thief, to, refused] of cases) {
    test(what, async () => {
      const taker = (port: number) => `kind=tcp,family=6,only=0,port=${port},tag=thief`;
      const own = await serve(owner, `kind=tcp,${at},port=5310,tag=own`);
      expect(bind(thief, taker(5310))).toEqual(["EADDRINUSE"]);
      expect(who(main, question(to, 5310))).toEqual(["own"]);
      await own.stop();
      if (refused === undefined) return;
      // On another port: what is left of connections makes the kernel itself refuse one for a while.
      const early = await serve(thief, taker(5317));
      if (refused) expect(bind(owner, `kind=tcp,${at},port=5317`)).toEqual(["EADDRINUSE"]);
      else {
        const late = await serve(owner, `kind=tcp,${at},port=5317,tag=own`);
        expect(who(main, question(to, 5317))).toEqual(["own"]);
        await late.stop();
      }
      await early.stop();
    }, 60_000);
  }

  test("one bound to a device is reached through it alone, on every address", async () => {
    const service = await serve(
      inGuest("victim"),
      "kind=tcp,port=5311,device=lo,tag=lo",
      "kind=tcp,port=5312,device=eth0,tag=eth0",
    );
    // What the machine sends to itself has come, to the kernel, by the device that has the address.
    expect(ask(main, question(first, 5311), question(second, 5311))).toEqual(["ECONNREFUSED", "ECONNREFUSED"]);
    expect(who(main, question(first, 5312), question(second, 5312))).toEqual(["eth0", "eth0"]);
    await service.stop();
  });

  test("after a bind that failed a socket serves what it is bound to then, and nothing else", async () => {
    const script = `
import socket, sys
made = socket.socket()
try: made.bind(("", 5313)); print("bound", flush=True)
except OSError: pass
made.bind(("127.0.0.1", 5314)); made.listen(); print("listens", flush=True)
sys.stdin.readline()`;
    const busy = await serve(inGuest("victim"), "kind=tcp,port=5313,tag=busy");
    const child = Bun.spawn(["vexec", "victim", "python3", "-c", script], { stdin: "pipe", stdout: "pipe" });
    const reader = child.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("listens\n");
    expect(ask(main, question(first, 5314), question(second, 5314))).toEqual(["ECONNREFUSED", "ECONNREFUSED"]);
    child.stdin.end();
    await child.exited;
    await busy.stop();
  });

  test("who listens at thousands of addresses and ports leaves others their loopback and further addresses", async () => {
    const crowd = `
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (5000, 5000))
kept = []
for port in range(20000, 24200):
    made = socket.socket(); made.bind(("", port)); made.listen(1); kept.append(made)
print("full", flush=True)
sys.stdin.readline()`;
    const addresses = Array.from({ length: 16 }, (_, at) => ["--ip", `127.0.0.${at + 10}`]).flat();
    const child = Bun.spawn(["chbind", "--silent", ...addresses, "python3", "-c", crowd], {
      stdin: "pipe",
      stdout: "pipe",
    });
    expect(new TextDecoder().decode((await child.stdout.getReader().read()).value)).toBe("full\n");
    const service = await serve(
      inGuest("victim"),
      "kind=tcp,port=5315,tag=own",
      "kind=tcp,at=127.0.0.1,port=5316,tag=own",
    );
    expect(who(main, question(second, 5315))).toEqual(["own"]);
    expect(who(inGuest("victim"), question("127.0.0.1", 5315), question("127.0.0.1", 5316))).toEqual(["own", "own"]);
    await service.stop();
    child.stdin.end();
    await child.exited;
  }, 120_000);
});

describe("the broadcast address one asks for", () => {
  const answers = (place: Place, ...specs: string[]) => bind(place, ...specs);

  test("is for datagrams, and for none that a server is to be given", async () => {
    const service: Serving = await serve(
      inGuest("victim"),
      "kind=udp,port=5320,tag=own",
      "kind=mptcp,port=5320,tag=own",
    );
    const thief = user("--ip", "127.0.0.5", "--bcast", second);
    const specs = ["udp", "tcp", "mptcp"].map((kind) => `kind=${kind},at=${second},port=5320`);
    expect(answers(thief, ...specs)).toEqual(["EADDRINUSE", "EADDRNOTAVAIL", "EADDRNOTAVAIL"]);
    expect(who(main, question(second, 5320, "udp"), question(second, 5320))).toEqual(["own", "own"]);
    await service.stop();
  });

  test("is the one he had, for who is tied already", () => {
    const nested = (...words: string[]): Place => ["chbind", "--silent", ...words, ...talk];
    const outer = (...words: string[]): Place => [
      "setpriv",
      "--reuid",
      "1000",
      "--clear-groups",
      "chbind",
      "--silent",
      ...words,
    ];
    const spec = "kind=udp,at=10.0.0.255,port=5321";
    for (const addresses of [["127.0.0.5"], ["127.0.0.5", "127.0.0.5"]]) {
      const inner = nested(...addresses.flatMap((address) => ["--ip", address]), "--bcast", "10.0.0.255");
      const before = outer("--ip", "127.0.0.5", "--ip", "127.0.0.6");
      expect(bind([...before, ...inner], spec)).toEqual(["EADDRNOTAVAIL"]);
      expect(bind([...before, "--bcast", "10.0.0.255", ...inner], spec)).toEqual(["bound 10.0.0.255"]);
    }
  });
});

test("SO_REUSEPORT shares an address and port with no socket of another context, of the same user id neither", async () => {
  const spec = (kind: string, tag: string) => `kind=${kind},at=${first},port=5331,reuse=1,tag=${tag}`;
  for (const kind of ["tcp", "mptcp", "udp"]) {
    const own = await serve(inGuest("victim"), spec(kind, "own"));
    for (const thief of [["chbind", "--silent", "--ip", first, ...talk], main])
      expect([kind, ...bind(thief, spec(kind, "thief"))]).toEqual([kind, "EADDRINUSE"]);
    const sibling = await serve(inGuest("victim"), spec(kind, "own"));
    expect(who(main, question(first, 5331, kind))).toEqual(["own"]);
    await sibling.stop();
    await own.stop();
  }
});

test("datagram sockets of one server share a port with SO_REUSEADDR, on every address and on each, as nmbd has them", async () => {
  const spec = (at: string, tag: string) => `kind=udp,${at}port=5330,share=1,tag=${tag}`;
  const service = await serve(
    inGuest("victim"),
    spec("", "all"),
    spec(`at=${first},`, "first"),
    spec(`at=${second},`, "second"),
  );
  expect(who(main, question(second, 5330, "udp"))).toEqual(["second"]);
  for (const thief of [tiedTo(second), main])
    expect(bind(thief, spec(`at=${second},`, "thief"))).toEqual(["EADDRINUSE"]);
  await service.stop();
});
