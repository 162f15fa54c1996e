/** What `machine/run` promises, each by a boot. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bootTime, machine, machineBytes, root } from "./booted.ts";

const asRoot = process.getuid?.() === 0;

/** Never ends, in the kernel: two loops of 2^23 rounds, one in the other. */
const spin = `static long (*const loop)(unsigned, void *, void *, unsigned long long) = (void *)181;
static long inner(unsigned at, void *context) { return 0; }
static long outer(unsigned at, void *context) { loop(1 << 23, inner, context, 0); return 0; }
__attribute__((section("socket"), used)) int spin(void *context) { loop(1 << 23, outer, 0, 0); return 0; }`;

/** Reads where it must not. */
const wild = `__attribute__((section("socket"), used)) int wild(void *context) { return *(volatile int *)8; }`;

const license = 'char LICENSE[] __attribute__((section("license"), used)) = "GPL";';

let objects = "";
beforeAll(async () => {
  objects = mkdtempSync(join(tmpdir(), "machine-objects-"));
  for (const [name, program] of Object.entries({ spin, wild })) {
    const compile = ["clang", "-O2", "-g", "-target", "bpf", "-mcpu=v3", "-x", "c", "-", "-c", "-o"];
    const input = new TextEncoder().encode(`${program}\n${license}\n`);
    expect(Bun.spawnSync([...compile, join(objects, `${name}.o`)], { stdin: input }).exitCode).toBe(0);
  }
});
afterAll(() => rmSync(objects, { recursive: true }));

describe.skipIf(!asRoot)("a run", () => {
  test(
    "gives back exit status, output and errors of a script, each by itself, and leaves files only in what is shared",
    async () => {
      const share = mkdtempSync(join(tmpdir(), "machine-share-"));
      const script =
        "echo out; echo err >&2; echo again >/dev/stderr; echo kept >/out/file; touch /vservers/x /etc/x; exit 42";
      const first = await machine(["--share", `${share}:/out`, "-"], script);
      expect(first).toEqual({ out: "out\n", err: "err\nagain\n", status: 42 });
      expect(readFileSync(join(share, "file"), "utf8")).toBe("kept\n");
      rmSync(share, { recursive: true });
      const second = await machine(["--", "ls", "/vservers/x", "/etc/x"]);
      expect({ status: second.status, out: second.out }).toEqual({ status: 2, out: "" });
    },
    2 * bootTime,
  );

  test(
    "passes a command's words as they are, and a death by signal as 128 and its number",
    async () => {
      const words = ["a b", "it's", "$HOME", "*", ""];
      const script = 'printf "<%s>" "$@"; kill -9 $$';
      const { out, status } = await machine(["--", "sh", "-c", script, "sh", ...words]);
      expect({ out, status }).toEqual({ out: words.map((word) => `<${word}>`).join(""), status: 137 });
    },
    bootTime,
  );

  test(
    "cannot change the working tree",
    async () => {
      const { status } = await machine(["-"], "mount -o remount,rw /src; touch /src/written-by-the-machine");
      expect(status).toBe(1);
      expect(readdirSync(root)).not.toContain("written-by-the-machine");
    },
    bootTime,
  );

  test(
    "shows output while the command runs, and ends with 124 when the time is up",
    async () => {
      const { out, err, status } = await machine(["--timeout", "20", "-"], "echo early; sleep 1000");
      expect({ out, status }).toEqual({ out: "early\n", status: 124 });
      expect(err).toContain("not done after 20 s");
    },
    bootTime,
  );

  test(
    "fails with 70 and the console when the kernel crashes, whatever the command had done",
    async () => {
      const { out, err, status } = await machine(["--", "sh", "-c", "echo before; echo c >/proc/sysrq-trigger"]);
      expect({ out, status }).toEqual({ out: "before\n", status: 70 });
      expect(err).toContain("Kernel panic - not syncing: sysrq triggered crash");
    },
    bootTime,
  );

  test(
    "fails with 70 and the console when a processor locks up",
    async () => {
      const script = `mount -t bpf bpf /sys/fs/bpf; bpftool prog load /objects/spin.o /sys/fs/bpf/spin
        head -c 64 /dev/zero >/tmp/packet; bpftool prog run pinned /sys/fs/bpf/spin data_in /tmp/packet`;
      const words = ["--append", "watchdog_thresh=2", "--share", `${objects}:/objects`, "-"];
      const { err, status } = await machine(words, script);
      expect(status).toBe(70);
      expect(err).toMatch(
        /\nmachine\/run: kernel 6\.12: .*BUG: soft lockup - CPU#\d stuck for \d+s! \[bpftool:\d+\]\n$/,
      );
    },
    bootTime,
  );

  test(
    "fails with 70 and the console when a task hangs in the kernel, though the command goes on",
    async () => {
      const script = `echo 2 >/proc/sys/kernel/hung_task_timeout_secs
        fsfreeze --freeze /vservers; touch /vservers/file & sleep 60; echo went on`;
      const { err, status } = await machine(["-"], script);
      expect(status).toBe(70);
      expect(err).toMatch(
        /\nmachine\/run: kernel 6\.12: .*INFO: task touch:\d+ blocked for more than \d+ seconds\.\n$/,
      );
    },
    bootTime,
  );

  test(
    "fails with 70 when the kernel refuses a BPF object, though the command calls it success",
    async () => {
      const script = "mount -t bpf bpf /sys/fs/bpf; bpftool prog load /objects/wild.o /sys/fs/bpf/wild; exit 0";
      const { err, status } = await machine(["--share", `${objects}:/objects`, "-"], script);
      expect(status).toBe(70);
      expect(err).toMatch(/\nmachine\/run: kernel 6\.12: libbpf: .*wild.*: failed to load: -\d+\n$/);
    },
    bootTime,
  );

  test(
    "hands through every byte of both outputs",
    async () => {
      const script =
        "import sys; b = bytes(range(256)) * 4096\nsys.stdout.buffer.write(b); sys.stderr.buffer.write(b[::-1])";
      const { out, err, status } = await machineBytes(["--", "python3", "-c", script]);
      const bytes = Uint8Array.from({ length: 4096 * 256 }, (_, at) => at % 256);
      expect(status).toBe(0);
      expect(Buffer.compare(out, bytes)).toBe(0);
      expect(Buffer.compare(err, bytes.reverse())).toBe(0);
    },
    bootTime,
  );

  test(
    "fails with 70 and the console when no boot reaches its init",
    async () => {
      const { err, status } = await machine(["--append", "root=nothing", "--", "true"]);
      expect(status).toBe(70);
      expect(err).toContain("Unable to mount root fs");
    },
    3 * bootTime,
  );
});

test("wrong words are one line and status 2", async () => {
  for (const words of [["--kernel", "5", "x"], ["--share", "x", "y"], ["--timeout", "0", "x"], ["--nonsense"], []]) {
    const { out, err, status } = await machine(words);
    expect({ out, status }).toEqual({ out: "", status: 2 });
    expect(err).toMatch(/^machine\/run: .*; see machine\/run --help\n$/);
  }
});
