import { expect, test } from "bun:test";
import { encodePlan } from "./encode.ts";
import { operationNames, operations } from "./ops.ts";
import { type Step, step, wayOutFor } from "./step.ts";

test("numbers and signatures stay what they are in the plans of running servers: new operations come last", () => {
  const first = operationNames.slice(0, 42).map((name) => `${name}(${Object.values(operations[name]).join("")})`);
  expect(first.join(" ")).toBe(
    "unshare(i) open(isi) setns(ii) mount(sssis) umount(si) pivot_root(s) chroot(s) chdir(s) mkdir(si) mknod(sii) " +
      "symlink(ss) write(ssii) write_slot(is) set_hostname(s) set_domainname(s) rlimit(iii) nice(i) umask(i) bounding(i) " +
      "capabilities(iii) no_new_privs() groups(b) user(ii) login(s) close_from(ib) setsid() keyring() pdeathsig(i) " +
      "signals(i) detach() fork_wait() context_open(s) context_call(b) print(is) environment(v) setenv(ss) unsetenv(s) " +
      "bind(is) clone_tree(isi) attach(is) pty(i) exec(svi)",
  );
});

test("a plan is written as ops.ts says", () => {
  const failure = { object: "web1", attempt: "try", wayOut: { EPERM: "be root", default: "look" } };
  const bytes = encodePlan({ exitStatus: 255, steps: [step("nice", { increment: -2 }, failure)] });
  const u32 = (value: number) => [value, 0, 0, 0];
  const text = (value: string) => [...u32(value.length), ...Buffer.from(`${value}\0`)];
  expect([...bytes]).toEqual([
    ...Buffer.from("VSPL"),
    ...[...u32(1), ...u32(1), ...u32(255), 0xff, 0xff, 0xff, 0xff],
    ...[16, 0, 0, 0],
    ...text("web1: cannot try"),
    ...[...u32(2), ...u32(1), ...text("be root"), ...u32(0), ...text("look")],
    ...[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  ]);
});

test("a plan that reports carries no sentences", () => {
  const failure = { object: "web1", attempt: "try", wayOut: "look" };
  const reporting = (steps: Step[]) => [...encodePlan({ exitStatus: 1, report: 4, steps })];
  expect(reporting([step("setsid", {}, failure)])).toEqual(reporting([step("setsid", {})]));
});

test("numbers of 64 bits are written whole, with their sign", () => {
  const last = (increment: number | bigint) =>
    Buffer.from(encodePlan({ exitStatus: 1, steps: [step("nice", { increment })] }).slice(-8)).readBigInt64LE();
  for (const number of [0, -1, -2, 2 ** 31, -(2 ** 31), 2 ** 40 + 5, -(2 ** 40) - 5, 2 ** 53 - 1]) {
    expect(last(number)).toBe(BigInt(number));
  }
  expect(last(0xffff_ffff_ffff_fff0n)).toBe(-16n);
});

test("what cannot be written is refused", () => {
  const encode = (file: string | Uint8Array) =>
    encodePlan({ exitStatus: 1, steps: [step("exec", { file, arguments: [], append: false })] });
  expect(() => encode("a\0b")).toThrow("NUL");
  expect(() => encode(new Uint8Array([0]))).toThrow("NUL");
  expect(() => encodePlan({ exitStatus: 1, steps: [step("nice", { increment: 1.5 })] })).toThrow(RangeError);
});

test("the way out for an errno is its own, else the default", () => {
  expect(wayOutFor("always", "EPERM")).toBe("always");
  expect(wayOutFor({ EPERM: "be root", default: "look" }, "EPERM")).toBe("be root");
  expect(wayOutFor({ EPERM: "be root", default: "look" }, "ENOENT")).toBe("look");
  expect(wayOutFor({ EPERM: "be root" }, undefined)).toBeUndefined();
});
