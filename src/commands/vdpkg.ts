/** vdpkg: dpkg in several servers. */
import { packageCommand } from "./package-tool.ts";

export const command = packageCommand({
  name: "vdpkg",
  program: "dpkg",
  suffix: ".deb",
  example: "vdpkg --unify web1 web2 -- --install /tmp/bash.deb",
});
