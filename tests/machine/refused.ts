/** Runs words that a tool must refuse, and sees that it says so in one line and has changed nothing. */
import { expect } from "bun:test";
import { parts, type } from "./shell.ts";

/** Everything a tool could have changed; a lock, and the directory that rebootmgr watches, stay from the first attempt on. */
const state = `ls -i /run/vserver/bpf/active; hostname
find /run/vserver /etc/vservers /vservers | grep -v -e /bpf/ -e /[.]lock/ -e /[.]served/
cat /proc/self/mountinfo; find /sys/fs/cgroup -type d; ip -o address; cat /run/vserver/bpf/active/contexts`;

/** A row: the words, the status, and the line. */
export type Row = readonly [words: string, status: number, line: RegExp];

/** Runs the words of every row in one go, as `user`, and compares what the machine is like before and after. */
export async function refused(rows: readonly Row[], user: string): Promise<void> {
  const before = (await type(state)).output;
  const become = user === "root" ? "" : `setpriv --reuid ${user} --regid ${user} --init-groups`;
  const runs = rows.map(
    ([words], at) => `${become} ${words} </dev/null >out 2>err; code=$?; echo == ${at}; echo $code; cat out err`,
  );
  const seen = parts((await type(`cd $(mktemp -d); chmod 755 .; ${runs.join("\n")}`)).output);
  const expected = rows.map(([words, status, line]) => ({ words, status: String(status), line }));
  for (const [at, { words, status, line }] of expected.entries()) {
    const [found, ...output] = (seen[at] ?? "").split("\n");
    expect({ words, status: found, lines: output.length }).toEqual({ words, status, lines: 1 });
    expect(output[0]).toMatch(line);
  }
  expect((await type(state)).output).toBe(before);
}
