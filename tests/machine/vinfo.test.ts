/** vinfo: what the 2003 kernel showed in /proc/PID/status. */
import { beforeAll, expect, test } from "bun:test";
import { parts, type } from "./shell.ts";

beforeAll(async () => {
  await type("vkernel load");
});

test("of the main server: context 0, no address, every capability", async () => {
  const last = Number((await type("cat /proc/sys/kernel/cap_last_cap")).output);
  const all = ((1n << BigInt(last + 1)) - 1n).toString(16).padStart(16, "0");
  const { status, output } = await type("vinfo", { user: "user" });
  expect(output).toBe(`s_context: 0 [ 0]\ninitpid: none\nipv4root: 0.0.0.0\ncapBset: ${all}\n`);
  expect(status).toBe(0);
});

test("a user sees the context, the address and the ceiling it has chosen", async () => {
  const { output } = await type(
    "chcontext --silent chbind --silent --ip 127.0.0.9 reducecap --NET_RAW vinfo 2>/dev/null",
    {
      user: "user",
    },
  );
  const [, context = "", again, ceiling = ""] =
    /^s_context: (\d+) \[ (\d+)\]\ninitpid: none\nipv4root: 127\.0\.0\.9\ncapBset: ([0-9a-f]{16})\n$/.exec(output) ??
    [];
  expect(Number(context)).toBeGreaterThanOrEqual(49152);
  expect(again).toBe(context);
  const mask = BigInt(`0x${ceiling}`);
  expect((mask >> 13n) & 1n).toBe(0n);
  expect((mask >> 12n) & 1n).toBe(1n);
});

test("capBset counts the bounding set in, which only the process itself has lowered", async () => {
  const { output } = await type("setpriv --bounding-set=-sys_time vinfo | grep capBset");
  expect((BigInt(`0x${output.replace(/capBset: /, "").trim()}`) >> 25n) & 1n).toBe(0n);
});

test("root looks at processes of its own context; those of others exist for context 1 only", async () => {
  const { output } = await type(
    `sleep 60 & own=$!
     chcontext --silent --ctx 321 --secure sleep 60 & other=$!; sleep 1
     echo == own; vinfo $own
     echo == other; vinfo $other; echo $?
     echo == inside; chcontext --silent --ctx 321 vinfo $other
     echo == out; chcontext --silent --ctx 321 vinfo $own; echo $?
     echo == spectator; chcontext --silent --ctx 1 vinfo $other
     echo == init; chcontext --silent --ctx 321 vinfo 1 | head -1
     kill $own; vkill $other >/dev/null`,
  );
  const seen = parts(output);
  expect(seen["own"]).toStartWith("s_context: 0 [ 0]\n");
  expect(seen["other"]).toMatch(/^vinfo: cannot look at process \d+: no such process; .*\n1$/);
  expect(seen["inside"]).toStartWith("s_context: 321 [ 321]\n");
  expect(seen["out"]).toMatch(/^vinfo: cannot look at process \d+: no such process; .*\n1$/);
  expect(seen["spectator"]).toBe(seen["inside"] ?? "");
  expect(BigInt(`0x${/capBset: (.*)/.exec(seen["spectator"] ?? "")?.[1]}`) & (1n << 21n)).toBe(0n);
  expect(seen["init"]).toBe("s_context: 0 [ 0]");
});

test("initpid is the process 1 of a context with the flag fakeinit, by the number the reader knows it by", async () => {
  const { output } = await type(
    `chcontext --silent --ctx 322 --flag fakeinit --disconnect sh -c 'vinfo >/tmp/vinfo.inside; vinfo 1 >/tmp/vinfo.one; sleep 60'
     until test -s /tmp/vinfo.one; do sleep 0.2; done
     echo == inside; cat /tmp/vinfo.inside; echo == one; cat /tmp/vinfo.one
     init=$(chcontext --silent --ctx 1 pgrep -f 'vinfo.inside')
     echo == outside; echo $init; chcontext --silent --ctx 1 vinfo $(echo $init | cut -d' ' -f1) | grep initpid
     rm /tmp/vinfo.*; vkill -s KILL -c 322 >/dev/null`,
  );
  const seen = parts(output);
  expect(seen["inside"]).toContain("s_context: 322 [ 322]\ninitpid: 1\n");
  expect(seen["one"]).toContain("s_context: 322 [ 322]\ninitpid: 1\n");
  const [pids = "", initpid = ""] = (seen["outside"] ?? "").split("\n");
  expect(initpid).toBe(`initpid: ${pids.split(" ")[0]}`);
});

test("a context with the flag hideinfo answers with one clear line", async () => {
  const { status, output } = await type("chcontext --silent --flag hideinfo vinfo", { user: "user" });
  expect(output).toBe("vinfo: cannot ask about the context it is in: it hides its information (flag hideinfo)\n");
  expect(status).toBe(1);
});

test("--json has the same and the flags by name", async () => {
  const { output } = await type("chcontext --silent --ctx 323 --flag lock,nproc vinfo --json");
  const { pid, ...rest } = JSON.parse(output);
  expect(pid).toBeGreaterThan(1);
  expect({ ...rest, capBset: undefined }).toEqual({
    context: 323,
    initpid: null,
    ipv4root: [],
    capBset: undefined,
    flags: ["lock", "nproc"],
  });
});

test("an ordinary user asks about itself only", async () => {
  const { status, output } = await type("vinfo 1", { user: "user" });
  expect(output).toBe("vinfo: cannot look at another process: only root may; become root\n");
  expect(status).toBe(1);
});
