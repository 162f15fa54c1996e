/** S_NICE: nobody in the server gets a better priority, root with CAP_SYS_NICE in its conf included, by any call. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type } from "../shell.ts";
import { makeServer, removeServer } from "./place.ts";

beforeAll(async () => {
  await makeServer("low", 'S_CONTEXT=722\nS_NICE=10\nS_CAPS="CAP_SYS_NICE CAP_SYS_RESOURCE"');
  expect(await type("vserver --silent low start")).toMatchObject({ status: 0 });
}, 240_000);
afterAll(async () => {
  await removeServer("low");
});

/** Says the errno of each attempt, and the priority at the end. */
const attempts = `
import ctypes, errno, os, resource, struct
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *words):
    result = libc.syscall(*words)
    print(name, "DONE" if result >= 0 else errno.errorcode[ctypes.get_errno()])
def attempt(name, work):
    try: work(); print(name, "DONE")
    except OSError as error: print(name, errno.errorcode[error.errno])
    except ValueError: print(name, "EPERM")
print("begins at", os.getpriority(os.PRIO_PROCESS, 0))
attempt("setpriority -20", lambda: os.setpriority(os.PRIO_PROCESS, 0, -20))
attempt("setpriority 9", lambda: os.setpriority(os.PRIO_PROCESS, 0, 9))
# The caller's group has members outside, which it may not touch at all.
attempt("setpriority of the group", lambda: os.setpriority(os.PRIO_PGRP, 0, 5))
attempt("setpriority of the user", lambda: os.setpriority(os.PRIO_USER, 0, 0))
for policy in ("SCHED_FIFO", "SCHED_RR"):
    attempt(policy, lambda: os.sched_setscheduler(0, getattr(os, policy), os.sched_param(1)))
def attributes(policy, nice=0, priority=0, runtime=0):
    return struct.pack("<IIQiIQQQ", 48, policy, 0, nice, priority, runtime, runtime * 2, runtime * 2)
call("sched_setattr other 0", 314, 0, attributes(0, 0), 0)
call("sched_setattr batch 0", 314, 0, attributes(3, 0), 0)
call("sched_setattr fifo", 314, 0, attributes(1, 0, 50), 0)
call("sched_setattr deadline", 314, 0, attributes(6, 0, 0, 10000000), 0)
call("ioprio_set real time", 251, 1, 0, 1 << 13 | 4)
call("ioprio_set best 0", 251, 1, 0, 2 << 13)
call("ioprio_set best 5", 251, 1, 0, 2 << 13 | 5)
attempt("RLIMIT_NICE", lambda: resource.setrlimit(13, (40, 40)))
attempt("RLIMIT_RTPRIO", lambda: resource.setrlimit(14, (99, 99)))
attempt("autogroup", lambda: os.write(os.open("/proc/self/autogroup", os.O_WRONLY), b"-20"))
print("is at", os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0))
attempt("ioprio back", lambda: None)
call("ioprio_set best 6", 251, 1, 0, 2 << 13 | 6)
attempt("setpriority 19", lambda: os.setpriority(os.PRIO_PROCESS, 0, 19))
attempt("setpriority back to 10", lambda: os.setpriority(os.PRIO_PROCESS, 0, 10))
attempt("SCHED_BATCH", lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)))
attempt("affinity", lambda: os.sched_setaffinity(0, {0}))
print("ends at", os.getpriority(os.PRIO_PROCESS, 0))
`;

describe("in a server with S_NICE=10", () => {
  for (const [way, command] of [
    ["vserver exec", "vserver low exec"],
    ["vserver exec from a better level", "nice -n -15 vserver low exec"],
    ["vexec", "nice -n -15 vexec low"],
  ] as const) {
    test(`root gets no better priority by any call (${way})`, async () => {
      await Bun.write("/vservers/low/tmp/attempts.py", attempts);
      const { output } = await type(`${command} python3 /tmp/attempts.py`);
      expect(output.split("\n").slice(0, -1)).toEqual([
        "begins at 10",
        "setpriority -20 EACCES",
        "setpriority 9 EACCES",
        "setpriority of the group EPERM",
        "setpriority of the user EACCES",
        "SCHED_FIFO EPERM",
        "SCHED_RR EPERM",
        "sched_setattr other 0 EPERM",
        "sched_setattr batch 0 EPERM",
        "sched_setattr fifo EPERM",
        "sched_setattr deadline EPERM",
        "ioprio_set real time EPERM",
        "ioprio_set best 0 EPERM",
        "ioprio_set best 5 EPERM",
        "RLIMIT_NICE EPERM",
        "RLIMIT_RTPRIO EPERM",
        "autogroup EACCES",
        "is at 10 0",
        "ioprio back DONE",
        "ioprio_set best 6 DONE",
        "setpriority 19 DONE",
        "setpriority back to 10 DONE",
        "SCHED_BATCH DONE",
        "affinity DONE",
        "ends at 10",
      ]);
    });
  }

  test("its processes are all at that level, and the server weighs what one of them would", async () => {
    const { output } = await type(
      "chcontext --silent --ctx 1 sh -c 'for pid in $(cat /sys/fs/cgroup/vserver-low/init/cgroup.procs /sys/fs/cgroup/vserver-low/init/*/cgroup.procs); do ps -o ni= -p $pid; done' | sort -u; cat /sys/fs/cgroup/vserver-low/cpu.weight",
    );
    expect(output.trim().split(/\s+/)).toEqual(["10", "11"]);
  });
});
