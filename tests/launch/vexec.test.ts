/** vexec enters a server by the plan kept for it, and only by one that nobody but root can have written. */
import { beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePlan } from "../../src/linux/plan/encode.ts";
import { type Step, step } from "../../src/linux/plan/step.ts";
import { runPlan } from "../../src/linux/spawn.ts";
import { buildDirectory, buildLaunch, CLONE_NEWUTS, ownMounts, shell } from "./fixture.ts";

beforeAll(buildLaunch);

const failing = (path: string) =>
  step(
    "chdir",
    { directory: path },
    { object: "vexec web1", attempt: `enter ${path}`, wayOut: { ENOENT: "make it", default: "look" } },
  );
const enter = (...steps: Step[]) => [
  step("unshare", { flags: CLONE_NEWUTS }),
  step("set_hostname", { name: "web1" }),
  ...steps,
  step("exec", { file: "", arguments: [], append: true }, { object: "vexec web1", attempt: "execute the command" }),
];

/** Runs `line` where /run is empty but for web1's plan, root's alone; $V is vexec and $R web1's directory. */
async function around(line: string, steps = enter()): Promise<{ status: number; output: string }> {
  const scratch = mkdtempSync(join(tmpdir(), "vexec-"));
  writeFileSync(join(scratch, "plan"), encodePlan({ steps, exitStatus: 255 }));
  const prepare = `umask 077; R=/run/vserver/web1; mkdir -p $R; cp ${scratch}/plan $R/enter.plan; V=${buildDirectory}/vexec; exec 2>&1`;
  try {
    return await runPlan(
      [
        ...ownMounts,
        step("mount", { source: "run", target: "/run", type: "tmpfs", flags: 0, data: "mode=755" }),
        shell(`${prepare}; ${line}`),
      ],
      { stdout: "pipe" },
    );
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

test("the command runs where the plan leads, with its arguments and its exit status", async () => {
  const line = `$V web1 sh -c 'hostname; echo "$1"; cat; exit 7' sh 'a b'`;
  expect(await around(`echo input | ${line}`)).toEqual({ status: 7, output: "web1\na b\ninput\n" });
});

test("a failing step is one line with its way out", async () => {
  expect(await around("$V web1 true", enter(failing("/nonexistent")))).toEqual({
    status: 255,
    output: "vexec web1: cannot enter /nonexistent: no such file or directory; make it\n",
  });
  expect((await around("$V web1 true", enter(failing("/etc/passwd")))).output).toBe(
    "vexec web1: cannot enter /etc/passwd: not a directory; look\n",
  );
  expect((await around("$V web1 nonesuch")).output).toBe(
    "vexec web1: cannot execute the command: no such file or directory\n",
  );
});

const untrusted: readonly (readonly [claim: string, change: string])[] = [
  ["a plan others may write", "chmod 666 $R/enter.plan"],
  ["a plan others may read", "chmod 640 $R/enter.plan"],
  ["a plan of another user", "chown 1 $R/enter.plan"],
  ["a plan with a second name", "ln $R/enter.plan $R/other"],
  ["a symbolic link", "mv $R/enter.plan $R/other; ln -s other $R/enter.plan"],
  ["a FIFO", "rm $R/enter.plan; mkfifo -m 600 $R/enter.plan"],
  ["a directory others may write", "chmod 777 $R"],
  ["a directory of another user", "chown 1 $R"],
  ["a directory above that others may write", "chmod 1777 /run/vserver"],
  ["a linked directory", "mv $R /run/vserver/other; ln -s other $R"],
];
for (const [claim, change] of untrusted) {
  test(`${claim} is not obeyed`, async () => {
    const { status, output } = await around(`${change}; $V web1 echo entered`);
    expect(output).toStartWith("vexec: server web1: cannot enter: ");
    expect(output).not.toContain("entered\n");
    expect(status).toBe(255);
  });
}

const refused: readonly (readonly [claim: string, line: string, says: string])[] = [
  ["a server that is not running", "$V web2 true", "no such file or directory; start it with: vserver NAME start"],
  ["a name that leads elsewhere", "$V ../vserver/web1 true", "invalid argument; a name is letters, digits"],
  ["a name that starts with a dot", "$V . true", "invalid argument"],
  ["an ordinary user", "chmod 755 /run; setpriv --reuid 65534 $V web1 true", "only root may enter a server"],
  ["no command", "$V web1", "usage: vexec NAME COMMAND"],
  ["what is no plan", "echo x > $R/enter.plan; $V web1 true", "cannot read the plan: bad message"],
  ["an empty plan", ": > $R/enter.plan; $V web1 true", "bad message"],
];
for (const [claim, line, says] of refused) {
  test(`${claim} is refused with one line`, async () => {
    const { status, output } = await around(line);
    expect(output).toContain(says);
    expect(output.split("\n")).toHaveLength(2);
    expect(status).toBe(255);
  });
}
