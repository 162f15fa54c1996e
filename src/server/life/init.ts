/** How a server's own init is started and asked to end. What there is to run is found out inside, by the server's own shell. */
import { type Step, step } from "../../linux/plan/step.ts";
import type { Server } from "./server.ts";

/** The runlevel of the server's inittab, 2 when it names none. */
const runLevel = `level=$(sed -n 's/^[^#:]*:\\([0-9]\\):initdefault:.*/\\1/p' /etc/inittab 2>/dev/null | head -n 1)`;
const noInit = `echo "no init scripts: /etc/init.d/rc, /etc/rc.d/rc, /sbin/openrc" >&2; exit 69`;

/** Starts the services of a server without a process 1 of its own: the script its distribution's init would run. */
export const startScript = `${runLevel}
for rc in /etc/init.d/rc /etc/rc.d/rc /lib/init/rc; do [ -x $rc ] && exec $rc "\${level:-2}"; done
[ -x /sbin/openrc ] && exec /sbin/openrc default
${noInit}`;

/** Stops them: runlevel 0, which ends what the server's distribution knows of. */
export const stopScript = `export RUNLEVEL=0 PREVLEVEL=2
for rc in /etc/init.d/rc /etc/rc.d/rc /lib/init/rc; do [ -x $rc ] && exec $rc 0; done
[ -x /sbin/openrc ] && exec /sbin/openrc shutdown
exit 0`;

/** Asks the server's process 1 to shut down. */
export const haltScript = `[ -x /sbin/minit-stop ] && exec /sbin/minit-stop
[ -d /run/systemd/system ] && exec systemctl --no-block poweroff
init=$(readlink -f /sbin/init 2>/dev/null)
case $init in
  */busybox) exec "$init" poweroff;;
  */openrc-init) exec /sbin/openrc-shutdown --poweroff now;;
esac
exec /sbin/init 0`;

/** The environment of a server's process 1: `container` tells systemd what it may expect. */
export const initEnvironment = { container: "vserver", HOME: "/", TERM: "linux" };

/** The step that runs the server's own init. */
export function initStep(server: Server): Step {
  const program = server.conf.flags.includes("minit") ? "/sbin/minit-start" : "/sbin/init";
  return step(
    "exec",
    { file: program, arguments: [program], append: false },
    {
      object: `vserver ${server.name}`,
      attempt: `run its ${program}`,
      wayOut: "install an init in it, or take fakeinit out of S_FLAGS",
    },
  );
}
