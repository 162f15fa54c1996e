/** vkill signals a process where it is; what enters its context for that has nothing a guest could want. */
import { beforeAll, describe, expect, test } from "bun:test";
import { installSleeper, parts, type } from "./shell.ts";

beforeAll(async () => {
  await installSleeper("victim");
  await type("vkernel load");
});

/** A sleeping process in a context, with a number to find it by. */
const start = (xid: number, seconds: number, options = "") =>
  `chcontext --silent --ctx ${xid} ${options} --disconnect victim ${seconds} >/dev/null 2>&1`;
const find = (seconds: number) => `$(chcontext --silent --ctx 1 pgrep -fx 'victim ${seconds}')`;
const left = `sleep 0.3; echo == left; chcontext --silent --ctx 1 pgrep -ax victim | cut -d' ' -f2-`;

describe("by process id", () => {
  test("says where the process was found, and ends it there, in the words of 2003", async () => {
    const { output } = await type(
      `${start(801, 601)}; pid=${find(601)}
       echo == kill; kill $pid; echo == vkill; vkill $pid; echo $?; ${left}`,
    );
    const seen = parts(output);
    expect(seen["kill"]).toMatch(/No such process|not permitted/i);
    expect(seen["vkill"]).toMatch(
      /^Process id \d+ was found in security context 801\.\n \+ Killing\.\.\. \[done\]\n0$/,
    );
    expect(seen["left"]).toBe("");
  });

  test("many at once: of the main server, of contexts, process 1 of a context; one that is not there makes it 1", async () => {
    const { output } = await type(
      `victim 611 & ${start(801, 612)}; ${start(802, 613)}; ${start(803, 614, "--flag fakeinit")}
       vkill -s KILL $! ${find(612)} 999999 ${find(613)} ${find(614)}; echo $?; ${left}`,
    );
    const [said = "", rest] = output.split("== left\n");
    const kill = (xid: number) =>
      `Process id \\d+ was found in security context ${xid}\\.\n \\+ Killing\\.\\.\\. \\[done\\]\n`;
    expect(said).toMatch(
      new RegExp(`^${kill(0)}${kill(801)}Process id 999999 not found\\.\n${kill(802)}${kill(803)}1\n`),
    );
    expect(rest).toBe("");
  });

  test("the signal is a number, a name, or a name with SIG", async () => {
    const { output } = await type(
      `rm -f caught
       chcontext --silent --ctx 804 --disconnect sh -c 'for s in USR1 USR2 HUP; do trap "echo $s >>caught" $s; done
         echo ready >caught; while :; do sleep 0.1; done'
       until test -e caught; do sleep 0.1; done
       pid=$(chcontext --silent --ctx 1 pgrep -f 'echo ready')
       for signal in 10 USR2 sighup; do vkill -s $signal $pid >/dev/null; sleep 0.5; done
       cat caught; vkill -s KILL -c 804 >/dev/null`,
    );
    expect(output).toBe("ready\nUSR1\nUSR2\nHUP\n");
  });

  test("with -c, only in that context", async () => {
    const { output } = await type(
      `${start(801, 621)}; pid=${find(621)}
       vkill -c 802 $pid | sed "s/$pid/PID/"; vkill --xid 801 -- $pid | sed "s/$pid/PID/"; ${left}`,
    );
    expect(output).toBe(
      "Process id PID not found.\nProcess id PID was found in security context 801.\n + Killing... [done]\n== left\n",
    );
  });
});

describe("a whole context", () => {
  test("every process of it is signalled, and no other", async () => {
    const { output } = await type(
      `victim 630 & ${start(801, 631)}; ${start(801, 632)}; ${start(802, 633)}
       vkill -c 801; echo $?; ${left}; echo == end; kill $!; vkill -s 9 -c 802`,
    );
    expect(output).toBe(
      " + Killing context 801... [done]\n0\n== left\nvictim 630\nvictim 633\n== end\n + Killing context 802... [done]\n",
    );
  });

  test("one without a process is named", async () => {
    const { status, output } = await type("vkill -c 899");
    expect(output).toBe("vkill: cannot signal context 899: it has no process\n");
    expect(status).toBe(1);
  });
});

describe("what must not be possible", () => {
  test("a private context lets nobody in, and that is said", async () => {
    const { output } = await type(
      `chcontext --silent --ctx 805 --flag private --disconnect victim 8; pid=${find(8)}
       vkill $pid | sed "s/$pid/PID/" 2>&1; vkill $pid >/dev/null; echo $?`,
    );
    const error = "vkill: cannot enter context 805: operation not permitted; it is private: stop its server\n";
    expect(output.split(error).length).toBe(3);
    expect(output.replaceAll(error, "")).toBe(
      "Process id PID was found in security context 805.\n + Killing... [failed]\n1\n",
    );
  });

  test("from inside a context nobody is signalled", async () => {
    const { output } = await type(
      `victim 640 & chcontext --silent --ctx 806 vkill $!; echo $?; kill $! && echo it lived`,
    );
    expect(output).toBe(
      "vkill: cannot enter other contexts: this one is not context 0; run it on the main server (context 0)\n1\nit lived\n",
    );
  });

  test("an ordinary user signals nobody", async () => {
    const { status, output } = await type("vkill 1", { user: "user" });
    expect(output).toBe("vkill: cannot signal processes of other contexts: only root may; become root\n");
    expect(status).toBe(1);
  });

  test("root of a context that stops the process that signals finds it empty-handed, and it ends with vkill", async () => {
    // After setsid, process group 0 is the signalling process alone: it stops itself once it is inside.
    await Bun.write(
      "/tmp/stopped.ts",
      `import { signalInContext } from "/src/src/context/signal.ts"; await signalInContext("vkill", 807, 0, 19);`,
    );
    const { output } = await type(
      `${start(807, 650)}
       bun /tmp/stopped.ts >/dev/null 2>&1 & parent=$!
       inside() { chcontext --silent --ctx 807 "$@"; }
       for try in 1 2 3 4 5 6 7 8 9; do
         sleep 0.5; pid=$(inside ps -e -o pid=,stat= | sed -n 's/ *T.*//p'); test "$pid" && break
       done
       pid=$((pid))
       echo == root; inside ls -A /proc/$pid/root
       echo == files; inside find /proc/$pid/fd -type l -printf '%l\\n' | sed 's/:\\[[0-9]*\\]//' | sort -u
       echo == capabilities; inside grep -E 'Cap(Prm|Eff|Bnd)|NoNewPrivs' /proc/$pid/status
       echo == terminal; inside ps -o tty=,sid= -p $pid | sed "s/$pid/own session/"
       echo == namespaces
       for kind in mnt ipc uts cgroup; do
         test $(inside readlink /proc/$pid/ns/$kind) = $(readlink /proc/self/ns/$kind) || echo $kind
       done
       kill -9 $parent; sleep 0.5
       echo == after; inside ps -o stat= -p $pid; vkill -s KILL -c 807 >/dev/null`,
    );
    const seen = parts(output);
    expect(seen["root"]).toBe("");
    expect(seen["files"]).toBe("/dev/null\nanon_inode:bpf-prog\npipe");
    expect(seen["capabilities"]).toMatch(/^CapPrm:\t0{14}20\nCapEff:\t0{14}20\nCapBnd:\t0{14}20\nNoNewPrivs:\t1$/);
    expect(seen["terminal"]).toMatch(/^\? +own session$/);
    expect(seen["namespaces"]).toBe("mnt\nipc\nuts\ncgroup");
    expect(seen["after"]).toBe("");
  });
});
