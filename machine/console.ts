/** What the kernel printed, and what it means for the run. */

const failures = [
  /Kernel panic/,
  /\bBUG:/,
  /\bOops\b/,
  /general protection fault/,
  /\b(?:soft|hard) (?:lockup|LOCKUP)/,
  /\brcu.*detected\b.*\bstall/,
  /blocked for more than \d+ seconds/,
  /unable to handle (?:kernel|page)/,
];

const refusedObject = /libbpf: .*failed to load/;

/** The first line of a kernel log that says the kernel failed. */
export function kernelFailure(log: string): string | undefined {
  return log.split("\n").find((line) => failures.some((pattern) => pattern.test(line)));
}

/** The first line of a command's standard error that says the kernel refused a BPF object. */
export function bpfFailure(stderr: string): string | undefined {
  return stderr.split("\n").find((line) => refusedObject.test(line));
}

/** Printed by the machine's own init as its first act: what goes wrong before is the boot's fault. */
export const isBorn = (log: string): boolean => log.includes("machine: init");

/** The end of a log, for people. */
export const tail = (log: string): string => log.replaceAll("\r", "").trim().split("\n").slice(-60).join("\n");
