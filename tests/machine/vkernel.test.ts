/** vkernel on a kernel that can have contexts. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { abiVersion } from "../../src/context/abi.ts";
import { leavePositions } from "./contexts/directions.ts";
import { parts, type } from "./shell.ts";

/** Ends every context there is, so that unload may be tried. */
const endContexts = `for xid in $(vserver-stat --json | grep -o '"context": [0-9]*' | grep -o '[0-9]*'); do
  test $xid -lt 2 || vkill -s KILL -c $xid >/dev/null
done; sleep 0.5`;

beforeAll(async () => {
  await leavePositions();
  await type(`vkernel load\n${endContexts}`);
});
afterAll(async () => {
  await type("vkernel load");
});

describe("check", () => {
  test("says of this kernel that everything is there, a line for each thing", async () => {
    const { status, output } = await type("vkernel check");
    const lines = output.trimEnd().split("\n");
    expect(lines.filter((line) => !line.startsWith("ok       "))).toEqual(["servers  run in security contexts"]);
    expect(status).toBe(0);
    expect(output).toContain("bpf among the active security modules: ");
    expect(output).toContain("hook lsm/task_kill: can be attached\n");
    expect(output).toContain("hook cgroup/bind4: can be attached\n");
  });

  test("asks for every hook the kernel half uses", async () => {
    const { output } = await type(
      `grep -ho -e 'SEC("[?a-z][a-z0-9_./]*")' -e '"fentry/__x64[a-z_]*"' /src/kernel/*.h |
         sed 's/^SEC(//;s/)$//;s/"//g;s/^?//' | sort -u
       echo == check; vkernel check --json`,
    );
    const [used = "", checked = ""] = output.split("== check\n");
    const findings: { what: string; ok: boolean }[] = JSON.parse(checked);
    const asked = findings.flatMap(({ what }) => (what.startsWith("hook ") ? [what.slice(5)] : []));
    expect(asked.length).toBeGreaterThan(40);
    expect([...new Set(asked)]).toEqual(used.trim().split("\n").sort());
  });

  test("is for root only", async () => {
    const { status, output } = await type("vkernel check", { user: "user" });
    expect(output).toBe("vkernel: cannot ask this kernel for everything: only root may; become root\n");
    expect(status).toBe(1);
  });
});

describe("load and unload", () => {
  test("load twice is load once", async () => {
    const { output } = await type(
      `vkernel load; ls -i /run/vserver/bpf/active | md5sum; echo == again; vkernel load; echo $?
       ls -i /run/vserver/bpf/active | md5sum`,
    );
    const [first = "", second = ""] = output.split("== again\n");
    expect(second).toBe(`0\n${first}`);
  });

  test("an ordinary user loads and unloads nothing", async () => {
    const { output } = await type(
      "vkernel load; echo $?; vkernel unload; echo $?; vkernel status >/dev/null; echo $?",
      {
        user: "user",
      },
    );
    expect(output).toMatch(
      /^vkernel: cannot load [^\n]*only root may[^\n]*\n69\nvkernel: cannot unload [^\n]*only root may[^\n]*\n1\n0\n$/,
    );
  });

  test("unload is refused while a context exists, and from inside one", async () => {
    const { output } = await type(
      `chcontext --silent --ctx 4711 sleep 60 & sleep 1
       echo == host; vkernel unload; echo $?
       echo == inside; chcontext --silent --ctx 4711 vkernel unload; echo $?
       echo == loaded; vkernel status | head -1
       vkill -s KILL -c 4711 >/dev/null`,
    );
    const seen = parts(output);
    expect(seen["host"]).toMatch(/^vkernel: cannot unload the kernel half: contexts exist: .*\b4711\b.*; .*\n1$/);
    expect(seen["inside"]).toMatch(/^vkernel: cannot unload the kernel half: this is not context 0; .*\n1$/);
    expect(seen["loaded"]).toBe("loaded:   yes");
  });

  for (const lowering of ["reducecap --secure", "chbind --silent --ip lo"]) {
    test(`unload is refused while a process of ${lowering} would be set free by it`, async () => {
      const { output } = await type(
        `${endContexts}
         ${lowering} sleep 60 & sleep 1
         echo == pid; echo $!
         echo == unload; vkernel unload; echo $?
         echo == still; vkernel status | head -1
         kill $!; wait $! 2>/dev/null
         echo == ended; vkernel unload; echo $?; vkernel load`,
      );
      const seen = parts(output);
      const cause = `processes with a ceiling or an address of their own exist: ${seen["pid"]}`;
      expect(seen["unload"]).toBe(
        `vkernel: cannot unload the kernel half: ${cause}; end them first (vinfo PID shows what holds for one)\n1`,
      );
      expect(seen["still"]).toBe("loaded:   yes");
      expect(seen["ended"]).toBe("0");
    });
  }

  test("unload takes everything away, and the next tool of root loads it again", async () => {
    const { output } = await type(
      `${endContexts}
       vkernel unload; echo $?; ls /run/vserver/bpf
       echo == status; vkernel status; echo $?
       echo == user; setpriv --reuid user --regid user --init-groups chcontext true; echo $?
       echo == unload; vkernel unload; echo $?
       echo == root; chcontext --silent vinfo | head -1; vkernel status | head -1`,
    );
    const seen = parts(output);
    expect(output).toStartWith("0\n== status");
    expect(seen["status"]).toBe("loaded:   no\nservers:  run in security contexts\n3");
    expect(seen["user"]).toMatch(
      /^chcontext: cannot .* kernel half is not loaded; let root run vkernel load once\n255$/,
    );
    expect(seen["unload"]).toBe("0");
    expect(seen["root"]).toMatch(/^s_context: \d+ \[ \d+\]\nloaded: {3}yes$/);
  });

  test("--strict is added to what is loaded, and closes access() to another context's /proc/PID", async () => {
    const probe = (name: string) => `echo == ${name}; chcontext --silent test -e /proc/$!; echo $?`;
    const { output } = await type(
      `vkernel load; sleep 60 &
       ${probe("default")}
       vkernel load --strict; vkernel load --strict
       ${probe("strict")}
       echo == status; vkernel status | grep strict; kill $!
       ${endContexts}
       vkernel unload; vkernel load
       echo == reloaded; vkernel status | grep strict`,
    );
    const seen = parts(output);
    expect(seen["strict"]).toBe("1");
    expect(seen["status"]).toBe("strict:   yes");
    expect(seen["reloaded"]).toBe("strict:   no");
  });
});

describe("status", () => {
  test("counts contexts and pins for root", async () => {
    const { output } = await type(
      `chcontext --silent --ctx 4712 sleep 60 & sleep 1
       vkernel status --json; vkill -s KILL -c 4712 >/dev/null; ls /run/vserver/bpf/active | wc -l >pins`,
    );
    const { loaded, version, strict, contexts, pinned, servers } = JSON.parse(output);
    expect({ loaded, version, strict, servers }).toEqual({
      loaded: true,
      version: abiVersion,
      strict: false,
      servers: "contexts",
    });
    expect(contexts).toBeGreaterThanOrEqual(1);
    expect(pinned).toBe(Number((await type("cat pins")).output));
  });

  test("tells what CONTEXTS=optional means on this machine: nothing", async () => {
    const { output } = await type(
      `test ! -e /etc/vserver.conf || cp /etc/vserver.conf saved
       echo CONTEXTS=optional >/etc/vserver.conf; vkernel status
       rm /etc/vserver.conf; test ! -e saved || mv saved /etc/vserver.conf`,
    );
    expect(output).toContain(
      "\nservers:  run in security contexts; CONTEXTS=optional in /etc/vserver.conf changes nothing here\n",
    );
  });
});
