/** chbind on a kernel that has contexts: every option. eth0 is 10.0.0.1. */
import { beforeAll, describe, expect, test } from "bun:test";
import { type } from "./shell.ts";

beforeAll(async () => {
  await type("vkernel load; ip link set lo up");
});

const bound = `python3 -c 'import socket; s=socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("", 8081)); print(s.getsockname()[0])'`;

describe("options", () => {
  test("--ip is a device, an address with or without mask, or a name", async () => {
    const spellings = [
      "eth0",
      "10.0.0.1",
      "10.0.0.1/24",
      "10.0.0.1/255.255.255.0",
      "here.example",
      "10.0.0.1 --ip eth0",
    ];
    await type("echo 10.0.0.1 here.example >> /etc/hosts");
    for (const spelling of spellings) {
      const { output } = await type(`chbind --ip ${spelling} --bcast 10.0.0.255 ${bound}`, { user: "user" });
      expect(output).toBe("ipv4root is now 10.0.0.1\n10.0.0.1\n");
    }
  });

  test("no --ip, or 0.0.0.0, restricts nothing", async () => {
    expect((await type(`chbind ${bound}`)).output).toBe("ipv4root is now\n0.0.0.0\n");
    expect((await type(`chbind --ip 0.0.0.0 ${bound}`)).output).toBe("ipv4root is now 0.0.0.0\n0.0.0.0\n");
    expect((await type(`chbind --silent ${bound}`)).output).toBe("0.0.0.0\n");
  });

  test("an address once set stays: another is refused, the same is not", async () => {
    const { output } = await type(
      `chbind --silent --ip 127.0.0.1 sh -c 'chbind --ip eth0 echo ran; echo $?; chbind --silent --ip 127.0.0.1 echo same; chbind --silent --ip 0.0.0.0 ${bound.replaceAll("'", "'\\''")}'`,
    );
    expect(output).toBe(
      "chbind: cannot set the ipv4 root: operation not permitted; this process is tied to other addresses for good\n255\nsame\n127.0.0.1\n",
    );
  });

  test("another address cannot be bound", async () => {
    const { output } = await type(
      `chbind --silent --ip eth0 python3 -c 'import socket; socket.socket().bind(("127.0.0.1", 8082))' | tail -n 1`,
    );
    expect(output).toContain("Cannot assign requested address");
  });

  test("wrong words are one line and 255", async () => {
    for (const words of [
      "",
      "--ip nosuchname.invalid true",
      "--ip 1.2.3 true",
      "--ip 300.1.1.1 true",
      "--ip 10.0.0.1/33 true",
      "--ip 10.0.0.1/255.0.255.0 true",
      "--bcast 10.0.0 true",
      "--ip 10.0.0.1 --ip 0.0.0.0 true",
      "--ip fd00::1/129 true",
      "--ip fd00::1::2 true",
      `${Array.from({ length: 17 }, (_, at) => `--ip 10.0.1.${at}`).join(" ")} true`,
      "--nope true",
    ]) {
      const { output, status } = await type(`chbind ${words}`);
      expect(output).toMatch(/^chbind: .*; see chbind --help\n$/);
      expect(status).toBe(255);
    }
  });

  test("datagrams are steered to several addresses of a device when root ties to them", async () => {
    const { output } = await type(
      [
        "ip link add two0 type dummy; ip link set two0 up; ip address add 10.77.0.1/24 dev two0; ip address add 10.77.0.2/24 dev two0",
        "seen() { bpftool net show dev two0 | grep -c tcx/ingress; }",
        "chbind --silent --ip 10.77.0.1 true; seen; su user -c '/usr/bin/chbind --silent --ip two0 true'; seen",
        "chbind --silent --ip two0 true; seen; chbind --silent --ip two0 true; seen; ip link del two0",
      ].join("; "),
    );
    expect(output).toBe("0\n0\n1\n1\n");
  });

  test("a device without an address is named", async () => {
    const { output, status } = await type(
      "ip link add bare0 type dummy; chbind --ip bare0 true; code=$?; ip link del bare0; exit $code",
    );
    expect(output).toBe(
      "chbind: cannot use bare0: it has no address; bring it up, or give it one with ip address add\n",
    );
    expect(status).toBe(255);
  });
});
