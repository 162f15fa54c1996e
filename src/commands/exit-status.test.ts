import { expect, test } from "bun:test";
import { helpText, manPage } from "../text/manual.ts";
import { exitStatusPage } from "./exit-status.ts";
import { commands } from "./index.ts";
import { pages } from "./pages.ts";

const tools = await Promise.all(Object.values(commands).map(async (load) => (await load()).command.manual));
const manuals = [...pages, ...tools];

test("every tool and subcommand tells its exit statuses, and all of them stand on one page", () => {
  const text = helpText(exitStatusPage(manuals));
  for (const { name, section, exits } of manuals) {
    if (section === 5) continue;
    expect({ name, statuses: exits.length > 0 }).toEqual({ name, statuses: true });
    const part = text.split(`\n${name}(${section}):\n`)[1]?.split("\n\n")[0] ?? "";
    for (const [status, meaning] of exits)
      expect(part).toMatch(new RegExp(`^ +${RegExp.escape(status)} +${RegExp.escape(meaning)}$`, "m"));
  }
});

test("the page has no options of a tool", () => {
  expect(manPage(exitStatusPage(manuals), "1")).not.toContain("OPTIONS");
});
