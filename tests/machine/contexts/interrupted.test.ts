/** Loading and unloading may be killed anywhere: the next command recovers, and no process of a context is set free. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { parts, type } from "../shell.ts";
import { leavePositions } from "./directions.ts";

// Each loads several times, which takes its time where the kernel is emulated.
const pins = "/run/vserver/bpf";
const unload = "until vkernel unload 2>/dev/null; do sleep 0.2; done";

beforeAll(leavePositions);
afterAll(() => type(`${unload}; vkernel load`));

for (const count of [0, 1, 40]) {
  test(`load killed when it has made ${count} pins`, async () => {
    const { output } = await type(
      `${unload}; vkernel load & loader=$!
       until test $(ls ${pins}/loading 2>/dev/null | wc -l) -ge ${count} -a -e ${pins}/loading -o -e ${pins}/active; do sleep 0.01; done
       kill -9 $loader; wait $loader 2>/dev/null
       echo == left; ls ${pins}
       echo == next; vkernel load; echo $?; ls ${pins}; chcontext --silent vinfo | head -1; vkernel unload; echo $?; ls ${pins}`,
    );
    expect(parts(output)["next"]).toMatch(/^0\nactive\ns_context: \d+ \[ \d+\]\n0$/);
  });
}

test("unload killed before it has looked for contexts: they are still contexts, and it is loaded again", async () => {
  const { output } = await type(
    `vkernel load; chcontext --silent --ctx 4830 sleep 60 & sleep 1
     # As a kill -9 between its two renames leaves it.
     mv ${pins}/active ${pins}/unloading
     echo == still; ps -C sleep -o pid= ; kill $! && echo killed
     echo == next; vkernel load; ls ${pins}; vserver-stat --json | grep -o '"context": 4830'
     vkernel unload; echo $?
     vkill -s KILL -c 4830 >/dev/null`,
  );
  const seen = parts(output);
  expect(seen["still"]).toMatch(/not permitted|No such process/);
  expect(seen["still"]).not.toContain("killed");
  expect(seen["next"]).toMatch(/^active\n"context": 4830\nvkernel: cannot unload .* 4830.*\n1$/);
});

test("unload killed while it takes the pins away: the next load begins anew", async () => {
  const { output } = await type(
    `${unload}; vkernel load; mv ${pins}/active ${pins}/unloading; rm ${pins}/unloading/call ${pins}/unloading/task_alloc
     vkernel status | head -1; vkernel load; echo $?; ls ${pins}; chcontext --silent true; echo $?`,
  );
  expect(output).toBe("loaded:   no\n0\nactive\n0\n");
});

test("ten loads at once are one load", async () => {
  const { output } = await type(
    `${unload}; umount ${pins}; umount -l /run/vserver
     for one in 1 2 3 4 5 6 7 8 9 10; do vkernel load & done; wait
     grep -c ' /run/vserver' /proc/mounts; ls ${pins}; chcontext --silent true; echo $?`,
  );
  expect(output).toBe("2\nactive\n0\n");
});
