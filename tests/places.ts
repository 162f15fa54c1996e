/** Which tests run where: on this machine, in test machines of their own, on which kernel. */
import type { Kernel } from "../machine/options.ts";

/**
 * Tests whose promises are about files, archives, ssh, control groups, the words of the tools, what is inside a server: they
 * hold on one kernel if they hold on another. Each runs on one of them, so that everything fits into an hour; whatever the
 * kernel half decides (docs/hooks.md) runs on all. A folder ends with `/`.
 */
export const onOneKernel: Readonly<Record<string, Kernel>> = {
  "tests/machine/boot/": "6.12",
  "tests/machine/contexts/interrupted.test.ts": "6.12",
  "tests/machine/examples.test.ts": "7",
  "tests/machine/limits/fairness.test.ts": "7",
  "tests/machine/limits/group.test.ts": "7",
  "tests/machine/limits/io.test.ts": "6.12",
  "tests/machine/limits/share.test.ts": "7",
  "tests/machine/limits/swap.test.ts": "6.12",
  "tests/machine/limits/ownproc.test.ts": "6.12",
  "tests/machine/manage/": "7",
  "tests/machine/move/": "7",
  "tests/machine/reboot/syslog.test.ts": "7",
  "tests/machine/refusals.test.ts": "6.12",
  "tests/machine/server/bad-input.test.ts": "7",
  "tests/machine/server/conf.test.ts": "7",
  "tests/machine/server/distributions.test.ts": "6.12",
  "tests/machine/server/hooks.test.ts": "7",
  "tests/machine/server/musl.test.ts": "7",
  "tests/machine/server/openrc.test.ts": "7",
  "tests/machine/server/parallel.test.ts": "7",
  "tests/machine/unify/btrfs.test.ts": "7",
  "tests/machine/unify/packages.test.ts": "6.12",
  "tests/machine/unify/reflink.test.ts": "7",
  "tests/machine/unify/setattr.test.ts": "7",
  "tests/machine/unify/vrpm.test.ts": "6.12",
  "tests/machine/vkill.test.ts": "6.12",
};

/** The files that run on this one of the kernels that are asked for. */
export function filesOn(kernel: Kernel, kernels: readonly Kernel[], files: readonly string[]): readonly string[] {
  return files.filter((path) => {
    const [, only = kernel] = Object.entries(onOneKernel).find(([place]) => path.startsWith(place)) ?? [];
    return only === kernel || !kernels.includes(only);
  });
}

/** Whether a file of tests boots test machines itself. */
export const bootsItself = (path: string): boolean =>
  path.startsWith("tests/systemd/") || path === "tests/unit/machine.test.ts";
