/** The tools, by the name they are called with. Each is loaded only when it is used. */
import type { Command } from "./command.ts";

export const commands: Readonly<Record<string, () => Promise<{ readonly command: Command }>>> = {
  chbind: () => import("./chbind.ts"),
  chcontext: () => import("./chcontext.ts"),
  newvserver: () => import("./newvserver.ts"),
  reducecap: () => import("./reducecap.ts"),
  setattr: () => import("./setattr.ts"),
  showattr: () => import("./showattr.ts"),
  vapt: () => import("./vapt.ts"),
  vbuild: () => import("./vbuild.ts"),
  vcheck: () => import("./vcheck.ts"),
  vdpkg: () => import("./vdpkg.ts"),
  vdu: () => import("./vdu.ts"),
  vfiles: () => import("./vfiles.ts"),
  vinfo: () => import("./vinfo.ts"),
  vkernel: () => import("./vkernel.ts"),
  vkill: () => import("./vkill.ts"),
  vlimit: () => import("./vlimit.ts"),
  vps: () => import("./vps.ts"),
  vpstree: () => import("./vpstree.ts"),
  vrpm: () => import("./vrpm.ts"),
  vserver: () => import("./vserver.ts"),
  "vserver-stat": () => import("./vserver-stat.ts"),
  vservers: () => import("./vservers.ts"),
  vsysvwrapper: () => import("./vsysvwrapper.ts"),
  vtop: () => import("./vtop.ts"),
  vunify: () => import("./vunify.ts"),
};

/** Those that ordinary users call too: they are installed in bin beside sbin. */
export const forEverybody: readonly string[] = ["chbind", "chcontext", "reducecap", "showattr", "vdu", "vinfo"];
