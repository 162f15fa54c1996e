/** The empty disk of /vservers: ext4 with quotas for users, groups and projects. */
import { truncateSync, writeFileSync } from "node:fs";
import type { Part } from "./cache.ts";
import { output } from "./command.ts";

const size = "16G";
const options = ["-t", "ext4", "-O", "quota,project", "-E", "quotatype=usrquota:grpquota:prjquota,lazy_itable_init=1"];

export const diskPart: Part = {
  about: "disk",
  name: "disk",
  recipe: [size, ...options],
  async make(path) {
    writeFileSync(path, "");
    truncateSync(path, 0);
    await output(["mke2fs", "-q", "-F", ...options, path, size], "make a disk");
  },
};
