import { expect, test } from "bun:test";
import { bpfFailure, isBorn, kernelFailure, tail } from "./console.ts";

test("every way a kernel says it failed is seen", () => {
  for (const line of [
    "Kernel panic - not syncing: Attempted to kill init!",
    "BUG: kernel NULL pointer dereference, address: 0000000000000008",
    "Oops: 0002 [#1] PREEMPT SMP NOPTI",
    "Oops: general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP",
    "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [kill:312]",
    "watchdog: Watchdog detected hard LOCKUP on cpu 0",
    "rcu: INFO: rcu_preempt self-detected stall on CPU",
    "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-... } 21",
    "INFO: task chcontext:200 blocked for more than 120 seconds.",
  ]) {
    expect(kernelFailure(`[    1.0] fine\n[    2.0] ${line}\n`)).toContain(line);
  }
});

test("what a healthy kernel prints is no failure", () => {
  const log = "machine: init\n[    3.0] EXT4-fs (vda): mounted filesystem\n[    4.0] debug: BUGS=0\n";
  expect(kernelFailure(log)).toBeUndefined();
  expect(isBorn(log)).toBe(true);
});

test("libbpf's word that an object was refused is seen in other output", () => {
  expect(bpfFailure("a\nlibbpf: failed to load object 'x'\nb")).toBe("libbpf: failed to load object 'x'");
  expect(bpfFailure("vkernel: cannot load the kernel half: no BPF LSM")).toBeUndefined();
});

test("the end of a log has no carriage returns and at most 60 lines", () => {
  expect(tail("1\r\n".repeat(100)).split("\n")).toEqual(Array(60).fill("1"));
});
