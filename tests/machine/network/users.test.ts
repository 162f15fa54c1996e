/** Login users and services of the main server on addresses of their own, and packet filters that tell them apart. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { ask, inGuest, main, must, run, type Serving, serve, startGuest, stopGuest } from "./guest.ts";

const talk = `${import.meta.dir}/talk.py`;
let listening: Serving;

beforeAll(async () => {
  must("vkernel", "load");
  for (const address of ["10.0.0.101", "10.0.0.102"]) run("ip", "address", "add", `${address}/24`, "dev", "eth0");
  for (const user of ["ann", "bob"]) run("useradd", "--create-home", "--shell", "/bin/sh", user);
  listening = await serve(main, "kind=tcp,family=4,port=9000,tag=main", "kind=tcp,family=4,port=9001,tag=other");
  writeFileSync(
    "/etc/pam.d/su",
    "auth sufficient pam_rootok.so\naccount required pam_permit.so\nsession required pam_vserver.so\n",
  );
  writeFileSync("/etc/security/vserver.conf", "# user addresses\nann 10.0.0.101/24\nbob 10.0.0.102\nbad 10.0.0.300\n");
}, 240_000);

afterAll(async () => {
  await listening.stop();
  run("nft", "delete", "table", "inet", "users");
  run("nft", "delete", "table", "inet", "servers");
  for (const address of ["10.0.0.101", "10.0.0.102"]) run("ip", "address", "del", `${address}/24`, "dev", "eth0");
  rmSync("/etc/security/vserver.conf", { force: true });
});

const as = (user: string, port: number) =>
  run("su", "-", user, "-c", `python3 ${talk} ask kind=tcp,family=4,to=10.0.0.1,port=${port},patience=2`).out.trim();

describe("pam_vserver ties the sessions of users", () => {
  test("each speaks from its own address, in whatever it starts, and cannot leave it", () => {
    expect(as("ann", 9000)).toContain("main 10.0.0.1 10.0.0.101");
    expect(as("bob", 9000)).toContain("main 10.0.0.1 10.0.0.102");
    expect(run("su", "-", "ann", "-c", "/usr/sbin/chbind --ip 10.0.0.102 true").status).toBe(255);
    expect(must("su", "-", "user", "-c", "/usr/sbin/vinfo")).toContain("ipv4root: 0.0.0.0");
  });

  test("a line that cannot be followed gives no session", () => {
    run("useradd", "--create-home", "--shell", "/bin/sh", "bad");
    expect(run("su", "-", "bad", "-c", "echo in").out).not.toMatch(/^in$/m);
  });

  test("two packet filter rules tell two users apart, though they run the same program", () => {
    const rules = `table inet users { chain out { type filter hook output priority 0;
      ip saddr 10.0.0.101 tcp dport 9001 reject with tcp reset
      ip saddr 10.0.0.102 tcp dport 9000 reject with tcp reset
      }
    }
`;
    writeFileSync("/tmp/users.nft", rules);
    must("nft", "-f", "/tmp/users.nft");
    expect(as("ann", 9000)).toContain("main");
    expect(as("ann", 9001)).toBe("ECONNREFUSED");
    expect(as("bob", 9000)).toBe("ECONNREFUSED");
    expect(as("bob", 9001)).toContain("other");
    must("nft", "delete", "table", "inet", "users");
  });
});

test("a service of the main server runs on the addresses its file names, and needs no other configuration", () => {
  mkdirSync("/etc/vservices", { recursive: true });
  writeFileSync("/etc/vservices/web.conf", 'IP="10.0.0.101 10.0.0.102"\nSERVICE=nginx\n');
  expect(must("vsysvwrapper", "web", "restart")).toContain("ipv4root is now 10.0.0.101 10.0.0.102\n");
  const page = (address: string) =>
    run("curl", "-s", "-o", "/dev/null", "--max-time", "5", `http://${address}/`).status;
  expect([page("10.0.0.101"), page("10.0.0.102"), page("10.0.0.1")]).toEqual([0, 0, 7]);
  must("vsysvwrapper", "web", "stop");
  const wrong = [
    [["vsysvwrapper", "web"], "a service and an action are needed"],
    [["vsysvwrapper", "../web", "start"], "is not a service's name"],
    [["vsysvwrapper", "nosuch", "start"], "cannot execute /etc/init.d/nosuch"],
  ] as const;
  for (const [words, complaint] of wrong) {
    const { status, out } = run(...words);
    expect(status).toBe(255);
    expect(out).toContain(complaint);
  }
});

describe("recipes of the 2003 document", () => {
  beforeAll(async () => {
    startGuest("door", ["IPROOT=10.0.0.111/24", "IPROOTDEV=eth0"]);
    startGuest("wall", ["IPROOT=10.0.0.112/24", "IPROOTDEV=eth0"]);
  });
  afterAll(() => {
    for (const name of ["door", "wall"]) stopGuest(name);
  });

  test("a firewall between two servers on one box", async () => {
    const service = await serve(inGuest("wall"), "kind=tcp,family=4,port=7000,tag=wall");
    const question = "kind=tcp,family=4,to=10.0.0.112,port=7000,patience=2";
    expect(ask(inGuest("door"), question)[0]).toStartWith("wall");
    const rules =
      "table inet servers { chain in { type filter hook input priority 0; ip saddr 10.0.0.111 ip daddr 10.0.0.112 reject with tcp reset; }\n}\n";
    writeFileSync("/tmp/servers.nft", rules.replace("reject", "tcp dport 1-65535 reject"));
    must("nft", "-f", "/tmp/servers.nft");
    expect(ask(inGuest("door"), question)).toEqual(["ECONNREFUSED"]);
    expect(ask(main, question)[0]).toStartWith("wall");
    must("nft", "delete", "table", "inet", "servers");
    await service.stop();
  });

  test("port redirection lets one server answer on several addresses of the machine", async () => {
    const service = await serve(inGuest("door"), "kind=tcp,family=4,port=7000,tag=door");
    const rules =
      "table inet servers { chain out { type nat hook output priority -100; ip daddr 10.0.0.101 tcp dport 80 dnat ip to 10.0.0.111:7000; }\n}\n";
    writeFileSync("/tmp/servers.nft", rules);
    must("nft", "-f", "/tmp/servers.nft");
    expect(ask(main, "kind=tcp,family=4,to=10.0.0.101,port=80")[0]).toStartWith("door 10.0.0.111");
    must("nft", "delete", "table", "inet", "servers");
    await service.stop();
  });
});
