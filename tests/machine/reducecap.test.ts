/** reducecap on a kernel that has contexts: every option. */
import { beforeAll, describe, expect, test } from "bun:test";
import { type } from "./shell.ts";

beforeAll(async () => {
  await type("vkernel load");
});

describe("options", () => {
  test("root's own sets show what is gone", async () => {
    const { output } = await type("reducecap --secure grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status");
    const sets = [...output.matchAll(/^Cap...:\t([0-9a-f]+)$/gm)].map(([, digits]) => digits);
    expect(new Set(sets).size).toBe(1);
    expect(BigInt(`0x${sets[0]}`) & ((1n << 12n) | (1n << 21n) | (1n << 27n))).toBe(0n);
  });

  test("each capability has its own option, and the context stays the same", async () => {
    const { output } = await type(
      "chcontext --silent sh -c 'vinfo | grep s_context; reducecap --NET_RAW --CHOWN sh -c \"vinfo | grep s_context; grep CapBnd /proc/self/status\"'",
    );
    const [before, said, after, bounding] = output.trim().split("\n");
    expect(said).toBe("Executing");
    expect(after).toBe(before);
    expect(BigInt(`0x${bounding?.split("\t")[1]}`) & ((1n << 13n) | 1n)).toBe(0n);
  });

  test("a setuid program started later gets nothing back", async () => {
    const { output } = await type(
      "cp /usr/bin/chown /vservers/suid-chown; chmod 4755 /vservers/suid-chown; touch /vservers/file; setpriv --reuid user --regid user --init-groups reducecap --CHOWN /vservers/suid-chown user /vservers/file; setpriv --reuid user --regid user --init-groups /vservers/suid-chown user /vservers/file && stat -c %U /vservers/file",
    );
    expect(output).toMatch(/^Executing\n.*Operation not permitted\nuser\n$/);
  });

  test("--show prints the table of 2003, of what is left when there is a ceiling", async () => {
    const { output, status } = await type("reducecap --show");
    const lines = output.split("\n");
    expect(status).toBe(0);
    expect(lines[0]).toBe("            Capability Effective Permitted Inheritable");
    // %22s %9s %9s %9s, a set cell being an X with four blanks.
    const chown = `${"CAP_CHOWN".padStart(22)} ${"X    ".padStart(9)} ${"X    ".padStart(9)} ${" ".repeat(9)}`;
    expect(lines[1]).toBe(chown);
    const lowered = await type("reducecap --show --CHOWN reducecap --show | grep CHOWN");
    expect(lowered.output).toContain(`${chown}\n`);
    expect(lowered.output.trimEnd().split("\n").at(-1)?.trim()).toBe("CAP_CHOWN");
  });

  test("--flag adds to the present context, and context 0 has none", async () => {
    expect(
      (await type("chcontext --silent reducecap --flag lock chcontext echo ran; echo $?", { user: "user" })).output,
    ).toBe(
      "Executing\nchcontext: cannot set the new security context: operation not permitted; the context is locked, or the process is being traced\n255\n",
    );
    expect((await type("reducecap --flag lock true; echo $?")).output).toBe(
      "reducecap: cannot add flags to the context: invalid argument; context 0 has no flags: make a context with chcontext first\n255\n",
    );
  });
});
