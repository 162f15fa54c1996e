/** Nobody in a context takes the kernel half away, covers it, loads what could, or reaches others through the machine. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { operations, pinDirectory } from "../../../src/context/abi.ts";
import { attack, worked } from "./attack.ts";
import { type Field, positions } from "./directions.ts";
import { attackProgram } from "./program.ts";

let field: Field;
const nobody = { pid: 0, tid: 0, orders: "" };
/** A bpffs with pins that may be lost. */
const spare = "/tmp/bpf2/active";
/** Directories that are removed if anybody can. */
const empty = `/tmp/bpf2/empty ${pinDirectory}/../empty`;

beforeAll(async () => {
  field = await positions();
  await field["root of the main server"].place.run(
    `mkdir -p /sys/fs/cgroup/victim /tmp/bpf2; mount -t bpf none /tmp/bpf2; mkdir ${spare}
     for name in call other; do bpftool prog pin pinned ${pinDirectory}/call ${spare}/$name; done
     for name in steer backstop_in; do bpftool prog pin pinned ${pinDirectory}/$name ${spare}/$name; done
     for name in boot_ring copy_ring; do bpftool map pin pinned ${pinDirectory}/$name ${spare}/$name; done
     mkdir ${empty}`,
  );
});
afterAll(() => field["root of the main server"].place.run(`rmdir ${empty}; umount -l /tmp/bpf2`));

test("root of the main server can do all of it", async () => {
  const { place, victim } = field["root of the main server"];
  for (const results of [await attack(place, "pins", nobody, spare), await attack(place, "machine", victim)]) {
    expect([...results].filter(([, result]) => result !== "ok")).toEqual([]);
  }
});

for (const kind of ["root in a context", "context 1", "a user in a context"] as const) {
  test(`${kind} changes nothing of the kernel half`, async () => {
    const { place } = field[kind];
    const before = await field["root of the main server"].place.run(
      `ls -Rln ${pinDirectory}/..; grep /run /proc/mounts`,
    );
    expect(worked(await attack(place, "pins", nobody, pinDirectory))).toEqual([]);
    expect(await field["root of the main server"].place.run(`ls -Rln ${pinDirectory}/..; grep /run /proc/mounts`)).toBe(
      before,
    );
  });

  test(`${kind} reaches nobody through the machine`, async () => {
    const { victim } = field["root of the main server"];
    expect(worked(await attack(field[kind].place, "machine", victim))).toEqual([]);
  });
}

test("context 1 reaches nobody through the machine when it is held either, as a server's context is", async () => {
  const { place, victim } = field["root of the main server"];
  const program = attackProgram();
  await place.run(`${program} call ${operations.HOLD} 1`);
  expect(worked(await attack(field["context 1"].place, "machine", victim))).toEqual([]);
  await place.run(`${program} call ${operations.RELEASE} 1`);
});

test("root in a context has no module loaded on its behalf", async () => {
  const ask = (module: string) => `mount -t ${module} none /mnt; grep -c '^${module} ' /proc/modules`;
  expect(await field["root in a context"].place.run(ask("udf"))).toEndWith("\n0\n");
  expect(await field["root of the main server"].place.run(ask("udf"))).toEndWith("\n1\n");
});

test("root in a context changes no link, and neither reads nor changes a map", async () => {
  const answer = await field["root in a context"].place.run(
    `bpftool link detach pinned ${pinDirectory}/task_kill; echo $?
     bpftool map dump pinned ${pinDirectory}/groups >/dev/null; echo $?
     bpftool map update pinned ${pinDirectory}/groups key 0 0 0 0 0 0 0 0 value 0 0 0 0; echo $?`,
  );
  expect(answer.match(/^\d+$/gm)?.map((status) => status !== "0")).toEqual([true, true, true]);
  expect(answer).not.toMatch(/No such file/);
});

test("root in a context reads the list of its own processes, and no map by opening its pin", async () => {
  const ask = `for name in processes groups limits usages boot_requests copies copier own_procs; do
    head -c 1 ${pinDirectory}/$name >/dev/null 2>&1; echo $name $?; done`;
  const [list, ...maps] = (await field["root in a context"].place.run(ask)).trim().split("\n");
  expect(list).toBe("processes 0");
  expect(maps.filter((line) => !line.endsWith(" 1"))).toEqual([]);
  expect(await field["root of the main server"].place.run(ask)).toContain("limits 0\n");
});

test("root in a context mounts in a namespace of its own what nobody else sees", async () => {
  const { place } = field["root in a context"];
  const script =
    "mkdir -p /tmp/mine; mount -t tmpfs none /tmp/mine && mount --bind /tmp /tmp/mine && umount /tmp/mine && echo done";
  expect(await place.run(`unshare --mount sh -c '${script}'`)).toBe("done\n");
});

test("an ordinary user's own user namespace mounts what it likes, in a context as well", async () => {
  const script =
    "mount -t tmpfs -o size=1m none /mnt && mount -o remount,size=2m none /mnt && umount /mnt && echo done";
  expect(await field["a user in a context"].place.run(`unshare --user --map-root-user --mount sh -c '${script}'`)).toBe(
    "done\n",
  );
});
