/** vapt: apt-get in several servers. */
import { packageCommand } from "./package-tool.ts";

export const command = packageCommand({
  name: "vapt",
  program: "apt-get",
  suffix: ".deb",
  example: "vapt --unify ALL -- --yes upgrade",
});
