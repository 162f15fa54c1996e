import { expect, test } from "bun:test";
import { questions, sameCommand, sourceOf, withSuggestions } from "./questions.ts";

const around = { servers: ["web1"], devices: ["eth0"], suite: "trixie" };
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
