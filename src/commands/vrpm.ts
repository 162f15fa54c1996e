/** vrpm: rpm in several servers. */
import { packageCommand } from "./package-tool.ts";

export const command = packageCommand({
  name: "vrpm",
  program: "rpm",
  suffix: ".rpm",
  example: "vrpm --unify ALL -- -Uvh /tmp/bash.rpm",
});
