/** Which tests run where: on this machine, in test machines of their own, on which kernel. */
import type { Kernel } from "../machine/options.ts";

/**
 * Folders whose promises are about files, archives, ssh and the order of things: they hold on one kernel if they hold on
 * another. Each runs on one of them, so that everything fits into an hour; whatever the kernel half has a part in runs on all.
 */
export const onOneKernel: readonly string[] = ["tests/machine/boot", "tests/machine/manage", "tests/machine/move"];

/** The folders that run on this one of the kernels; those that run on one of them are dealt out in turn. */
export function foldersOn(kernel: Kernel, kernels: readonly Kernel[], folders: readonly string[]): readonly string[] {
  const dealt = folders.filter((folder) => onOneKernel.includes(folder));
  return folders.filter((folder) => {
    const turn = dealt.indexOf(folder);
    return turn < 0 || kernels[turn % kernels.length] === kernel;
  });
}

/** Whether a file of tests boots test machines itself. */
export const bootsItself = (path: string): boolean =>
  path.startsWith("tests/systemd/") || path === "tests/unit/machine.test.ts";
