/** Runs `vserver NAME build` alone: what the tests start as a process of its own. */
import { explain } from "../../text/error.ts";
import { buildServer } from "./build.ts";

const [name = "", ...argv] = process.argv.slice(2);
try {
  process.exitCode = await buildServer(name, argv);
} catch (thrown) {
  const { line, exitCode } = explain(thrown);
  console.error(line);
  process.exitCode = exitCode;
}
