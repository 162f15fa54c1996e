import { expect, test } from "bun:test";
import { questions, questionsFor, sameCommand, settled, sourceOf, withSuggestions } from "./questions.ts";

const around = { servers: ["web1"], devices: ["eth0"], suite: "trixie", protects: true };
const wrong = (key: string, text: string, ip = "") =>
  questions.find((one) => one.key === key)?.wrong(text, { ...withSuggestions({ name: "new" }, around), ip }, around);

test("every suggestion is a right answer", () => {
  const answers = withSuggestions({ name: "new", ip: "10.0.0.2/24" }, around);
  for (const { key, wrong } of questions) expect([key, wrong(answers[key], answers, around)]).toEqual([key, undefined]);
});

test("what is wrong is said while it can be mended", () => {
  expect(wrong("name", "web1")).toContain("there is a server of that name");
  expect(wrong("name", "../etc")).toContain("letters");
  expect(wrong("clone", "nobody")).toContain("there is no server nobody");
  expect(wrong("clone", "#tri xie")).toBeDefined();
  expect(wrong("clone", "oci:image")).toBe("write an absolute path: oci:/PATH");
  expect(wrong("clone", "oci:/no-such-image:latest")).toBe("there is no /no-such-image:latest");
  expect(wrong("clone", "oci:/etc:latest")).toBeUndefined();
  expect(wrong("clone", "rpm:/no-such-directory")).toBe("there is no /no-such-directory");
  expect(wrong("clone", "rpm:/etc/ssl")).toBe("there are no rpm packages in /etc/ssl");
  expect(wrong("ip", "10.0.0.256")).toBeDefined();
  expect(wrong("ondev", "eth7", "10.0.0.2")).toContain("there are eth0");
  expect(wrong("priority", "1000")).toBeDefined();
  expect(wrong("share", "/etc:../x")).toBeDefined();
  expect(wrong("share", "/etc:/mnt")).toBeUndefined();
});

test("sources are what they look like", () => {
  expect(sourceOf("/")).toEqual({ method: "copy", operand: "/" });
  expect(sourceOf("#trixie")).toEqual({ method: "debootstrap", operand: "trixie" });
  expect(sourceOf("web1")).toEqual({ method: "clone", operand: "web1" });
  expect(sourceOf("oci:/tmp/image:1.0")).toEqual({ method: "oci", operand: "/tmp/image:1.0" });
  expect(sourceOf("rpm:/srv/packages")).toEqual({ method: "rpm", operand: "/srv/packages" });
  expect(sourceOf("/tmp/a.tar")).toEqual({ method: "tar", operand: "/tmp/a.tar" });
});

test("the same command says what differs from the suggestions, quoted for a shell", () => {
  const answers = withSuggestions({ name: "new", desc: "it's mine", clone: "/" }, around);
  expect(sameCommand(answers, around)).toBe("newvserver --name new --desc 'it'\\''s mine' --clone / --yes");
});

test("files are shared with the server a copy is made of, where the kernel can protect them", () => {
  const unprotected = { ...around, protects: false };
  const asked = (clone: string) =>
    questionsFor(withSuggestions({ name: "new", clone }, around)).some(({ key }) => key === "unify");
  const wrongFor = (clone: string, unify: string, place = around) =>
    questions.find(({ key }) => key === "unify")?.wrong(unify, withSuggestions({ clone }, place), place);
  expect(withSuggestions({ clone: "web1" }, around).unify).toBe("yes");
  expect(withSuggestions({ clone: "web1" }, unprotected).unify).toBe("no");
  for (const clone of ["/", "#trixie", "/tmp/a.tar"]) {
    expect(withSuggestions({ clone }, around).unify).toBe("no");
    expect(asked(clone)).toBe(false);
    expect(wrongFor(clone, "yes")).toContain("another server");
  }
  expect(asked("web1")).toBe(true);
  expect(wrongFor("web1", "yes")).toBeUndefined();
  expect(wrongFor("web1", "yes", unprotected)).toContain("vkernel check");
  expect(wrongFor("web1", "1")).toBeDefined();
});

test("what was said of sharing is forgotten when the source turns out to be no server, and remembered when it is", () => {
  expect(settled({ name: "new", clone: "/", unify: "yes" }, around).unify).toBe("no");
  expect(sameCommand(settled({ name: "new", clone: "web1", unify: "no" }, around), around)).toBe(
    "newvserver --name new --clone web1 --unify no --yes",
  );
});
