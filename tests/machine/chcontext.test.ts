/** chcontext on a kernel that has contexts: every option. */
import { beforeAll, describe, expect, test } from "bun:test";
import { installSleeper, parts, type } from "./shell.ts";

beforeAll(async () => {
  await installSleeper("xterm");
  await type("vkernel load");
});

describe("as root", () => {
  test("a chosen context is made, joined while it lives, and is another one's business from nowhere else", async () => {
    const { output } = await type(
      `chcontext --ctx 300 --disconnect xterm 60
       chcontext --silent --xid 300 pgrep -c -x xterm
       chcontext --silent --ctx 301 pgrep -c -x xterm
       chcontext --silent --ctx 300 killall xterm`,
    );
    expect(output).toBe("New security context is 300\n1\n0\n");
  });
});

describe("options", () => {
  test("--hostname and --domainname name the command's world alone", async () => {
    const { output } = await type(
      `before=$(hostname)
       chcontext --hostname lab --domainname example.org sh -c 'hostname; cat /proc/sys/kernel/domainname'
       chcontext --silent --domainname none sh -c 'cat /proc/sys/kernel/domainname'
       test "$(hostname)" = "$before" && echo unchanged`,
    );
    expect(output).toMatch(
      /^Host name is now lab\nDomain name is now example.org\nNew security context is \d+\nlab\nexample.org\n\nunchanged\n$/,
    );
  });

  test("--secure, --cap and --cap ! make one removal set, whatever their order", async () => {
    const bounding = async (options: string) => {
      const { output } = await type(`chcontext --silent ${options} grep CapBnd /proc/self/status`);
      return BigInt(`0x${output.replace("CapBnd:", "").trim()}`);
    };
    const bit = (number: number) => 1n << BigInt(number);
    const full = await bounding("");
    const secure = await bounding("--secure");
    expect(full & bit(12) & ~secure).toBe(bit(12));
    expect(secure & (bit(0) | bit(18) | bit(19))).toBe(bit(0) | bit(18) | bit(19));
    expect(await bounding("--cap CAP_NET_ADMIN --secure")).toBe(secure | bit(12));
    expect(await bounding("--secure --cap cap_net_admin,CAP_MKNOD")).toBe(secure | bit(12) | bit(27));
    expect(await bounding("--cap '!CAP_CHOWN'")).toBe(full & ~bit(0));
    expect(await bounding("--cap CAP_CHOWN --cap '!CAP_CHOWN'")).toBe(full);
    expect(await bounding("--cap CAP_CHOWN")).toBe(full);
  });

  test("--secure root is refused what it lost", async () => {
    const { output } = await type(
      `touch /vservers/file; chcontext --silent --secure sh -c 'mknod /tmp/null c 1 3; mount -t tmpfs x /mnt; ip link set lo down; hostname x; date -s 12:00 >/dev/null; nice -n -5 true; chown 1 /vservers/file && echo chown works'`,
    );
    expect(
      output.match(/not permitted|permission denied|must be superuser|cannot set/gi)?.length,
    ).toBeGreaterThanOrEqual(6);
    expect(output).toContain("chown works");
  });

  test("--flag lock: no way into another context", async () => {
    const { output } = await type("chcontext --silent --flag lock chcontext true; echo $?", { user: "user" });
    expect(output).toBe(
      "chcontext: cannot set the new security context: operation not permitted; the context is locked, or the process is being traced\n255\n",
    );
  });

  test("--flag private: not even root enters, and context 1 still lists it", async () => {
    const { output } = await type(
      `chcontext --silent --ctx 310 --flag private --disconnect xterm 8
       chcontext --silent --ctx 310 true; echo $?
       chcontext --silent --ctx 1 pgrep -c -x xterm`,
    );
    expect(output).toMatch(/^chcontext: cannot set the new security context: operation not permitted; .*\n255\n1\n$/);
  });

  test("--flag fakeinit: the command is process 1, orphans come to it, its end ends all, its status is ours", async () => {
    const { output, status } = await type(
      `chcontext --silent --flag fakeinit,nproc sh -c 'echo == one; echo $$; ps -e -o pid=,comm=; (xterm 77 & ); sleep 0.3; echo == orphan; ps -o ppid= -C xterm; exit 6'
       code=$?; echo == after; chcontext --silent --ctx 1 pgrep -x xterm || echo none; exit $code`,
    );
    const seen = parts(output);
    expect(seen["one"]).toMatch(/^1\n\s*1 sh\n\s*\d+ ps$/);
    expect(seen["orphan"]).toBe("1");
    expect(seen["after"]).toBe("none");
    expect(status).toBe(6);
  });

  test("--flag fakeinit: the process that waits passes a signal on", async () => {
    const { output } = await type(
      `chcontext --silent --ctx 320 --flag fakeinit sh -c 'trap "echo asked to stop; exit 4" TERM; echo ready; while :; do sleep 0.1; done' &
       sleep 1; chcontext --silent --ctx 320 kill $!; wait $!; echo $?`,
    );
    expect(output).toBe("ready\nasked to stop\n4\n");
  });

  test("--disconnect: the command runs on, the status tells whether it could be executed", async () => {
    const { output } = await type(
      `chcontext --disconnect sleep 2 >/tmp/said; echo $?; cat /tmp/said
       chcontext --silent --disconnect --flag fakeinit sleep 2; echo $?
       chcontext --silent --disconnect nonesuch; echo $?`,
    );
    expect(output).toMatch(
      /^0\nNew security context is \d+\n0\nchcontext: cannot execute nonesuch: no such file or directory; .*\n255\n$/,
    );
  });

  test("what only root may is refused to others with one line, and the command does not run", async () => {
    for (const [options, words] of [
      ["--ctx 5", "only root of context 0"],
      ["--ctx 1", "only root of context 0"],
      ["--hostname x", "only root may"],
      ["--domainname x", "only root may"],
      ["--flag fakeinit", "only root may"],
    ] as const) {
      const { output, status } = await type(`chcontext --silent ${options} echo ran`, { user: "user" });
      expect(output).toMatch(/^chcontext: cannot .*: operation not permitted; .*\n$/);
      expect(output).toContain(words);
      expect(status).toBe(255);
    }
  });

  test("the command gets the caller's descriptors and none of ours", async () => {
    // 3 is the listing's own.
    const listing = "chcontext --silent --secure --flag nproc ls -x /proc/self/fd";
    expect((await type(`exec 7</dev/null; ${listing}`)).output.trim().split(/\s+/)).toEqual(["0", "1", "2", "3", "7"]);
  });

  test("the command's own status, arguments and signals come through", async () => {
    const { output } = await type(
      `chcontext --silent sh -c 'exit 42'; echo $?
       chcontext --silent -- sh -c 'kill -9 $$' 2>/dev/null; echo $?
       chcontext --silent printf '<%s>' 'a b' '' --ctx -- x; echo`,
      { user: "user" },
    );
    expect(output).toContain("42\n");
    expect(output).toContain("137\n");
    expect(output).toEndWith("<a b><><--ctx><--><x>\n");
  });
});

test("20 at once get 20 different contexts", async () => {
  const { output } = await type(
    "for i in $(seq 20); do chcontext sleep 10 & done | sort | uniq -c | awk '$1 != 1 {bad++} END {print NR, bad+0}'",
    { user: "user" },
  );
  expect(output).toBe("20 0\n");
});
