import { expect, test } from "bun:test";
import { encodeJob, scriptJob } from "./job.ts";

const decode = (bytes: Uint8Array) => {
  const text = new TextDecoder().decode(bytes);
  const [sizes = ""] = text.split("\n", 1);
  const [program = 0, script = 0] = sizes.split(" ").map(Number);
  const rest = text.slice(sizes.length + 1);
  return {
    program: rest.slice(0, program),
    script: rest.slice(program, program + script),
    rest: rest.slice(program + script),
  };
};

test("words are quoted for the shell, and a share is mounted first", () => {
  const job = decode(encodeJob({ command: ["echo", "it's"] }, [{ from: "/a", to: "/b c" }]));
  expect(job.program).toBe(
    "#!/bin/bash\nmkdir -p '/b c' && mount -t virtiofs share0 '/b c' || exit 70\nexec 'echo' 'it'\\''s'\n",
  );
  expect(job.rest).toBe("");
});

test("a script goes to bash unless it names an interpreter", () => {
  const plain = new TextEncoder().encode("exit 3\n");
  expect(decode(encodeJob(scriptJob(plain), []))).toMatchObject({ script: "exit 3\n" });
  expect(scriptJob(plain).command).toEqual(["bash", "/run/machine/script"]);
  expect(scriptJob(new TextEncoder().encode("#!/usr/bin/python3\n")).command).toEqual(["/run/machine/script"]);
});
