/** Virtual servers for the network tests: the machine's own programs in a root of their own, started in a second. */
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";

export interface Ran {
  readonly status: number;
  /** Standard output and error. */
  readonly out: string;
}

export function run(...words: string[]): Ran {
  const { exitCode, stdout, stderr } = Bun.spawnSync(words, {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 60_000,
  });
  return { status: exitCode, out: stdout.toString() + stderr.toString() };
}

/** Runs words that must succeed. */
export function must(...words: string[]): string {
  const { status, out } = run(...words);
  if (status !== 0) throw new Error(`${words.join(" ")}: status ${status}: ${out}`);
  return out;
}

export const talk = ["python3", `${import.meta.dir}/talk.py`];
/** Where a guest has it. */
const talkInside = "/root/talk.py";

/** Starts the server NAME with these lines in its conf. */
export function startGuest(name: string, conf: readonly string[]): void {
  const root = `/vservers/${name}`;
  for (const path of ["usr", "etc/init.d", "proc", "sys", "dev", "run", "tmp", "var", "root"]) {
    mkdirSync(`${root}/${path}`, { recursive: true });
  }
  for (const path of ["bin", "sbin", "lib", "lib64"]) {
    try {
      symlinkSync(`usr/${path}`, `${root}/${path}`);
    } catch {
      // There from an earlier start.
    }
  }
  for (const file of ["passwd", "group", "nsswitch.conf"]) copyFileSync(`/etc/${file}`, `${root}/etc/${file}`);
  writeFileSync(`${root}/etc/hosts`, "127.0.0.1 localhost\n::1 localhost\n");
  writeFileSync(`${root}/etc/init.d/rc`, "#!/bin/sh\n[ $1 = 0 ] || setsid sleep infinity >/dev/null 2>&1 &\n");
  chmodSync(`${root}/etc/init.d/rc`, 0o755);
  copyFileSync(`${import.meta.dir}/talk.py`, `${root}${talkInside}`);
  mkdirSync("/etc/vservers", { recursive: true });
  writeFileSync(`/etc/vservers/${name}.conf`, `${conf.join("\n")}\n`);
  const hook = `/etc/vservers/${name}.sh`;
  const mount = `pre-start) mount --bind /usr ${root}/usr ;; post-stop) umount ${root}/usr ;;`;
  writeFileSync(hook, `#!/bin/sh\ncase $1 in ${mount} esac\ntrue\n`);
  chmodSync(hook, 0o755);
  must("vserver", "--silent", name, "start");
}

export const stopGuest = (name: string): Ran => run("vserver", "--silent", name, "stop");

/** A place to talk from: the main server, a server, or a process tied with chbind. */
export type Place = readonly string[];
export const main: Place = talk;
export const inGuest = (name: string): Place => ["vexec", name, "python3", talkInside];
export const tied = (...addresses: string[]): Place => [
  "chbind",
  "--silent",
  ...addresses.flatMap((address) => ["--ip", address]),
  ...talk,
];

/** One answer for each spec. */
export const ask = (place: Place, ...specs: string[]): string[] =>
  run(...place, "ask", ...specs)
    .out.trim()
    .split("\n");
export const bind = (place: Place, ...specs: string[]): string[] =>
  run(...place, "bind", ...specs)
    .out.trim()
    .split("\n");

export interface Serving {
  /** What each of its sockets believes to be bound to. */
  readonly bound: readonly string[];
  /** Lets a socket with listen=0 listen. */
  go(): void;
  stop(): Promise<void>;
}

/** Starts a server with one socket for each spec, and returns when all are there. */
export async function serve(place: Place, ...specs: string[]): Promise<Serving> {
  const child = Bun.spawn([...place, "serve", ...specs], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  const reader = child.stdout.getReader();
  let text = "";
  while (text.split("\n").length <= specs.length) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`a server did not start: ${text}${await new Response(child.stderr).text()}`);
    text += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  return {
    bound: text
      .trim()
      .split("\n")
      .map((line) => line.replace("bound ", "")),
    go: () => {
      child.stdin.write("\n");
      child.stdin.flush();
    },
    // Nobody may signal it from here: it ends with its standard input.
    stop: async () => {
      child.stdin.end();
      await child.exited;
    },
  };
}
