/** Types lines into a shell of the test machine, as root or as an ordinary user. */
export interface Typed {
  readonly status: number;
  /** Standard output and error, in the order they were written. */
  readonly output: string;
}

/** Seconds a script may take, less than a test may (tests/run.ts): the machine is emulated, and may be busy. */
const patience = 280;

/** Runs a script with sh; `user` is an account of the machine. */
export async function type(script: string, options: { readonly user?: string } = {}): Promise<Typed> {
  // A file: the script's words must not stand in a command line that ps shows.
  const file = `/tmp/typed-${Bun.randomUUIDv7()}`;
  await Bun.write(file, script);
  const { user } = options;
  const become = user === undefined ? [] : ["setpriv", "--reuid", user, "--regid", user, "--init-groups"];
  const child = Bun.spawn(["timeout", String(patience), ...become, "sh", "-c", `exec 2>&1; . ${file}`], {
    stdin: "ignore",
    stdout: "pipe",
    cwd: "/tmp",
  });
  const output = await new Response(child.stdout).text();
  return { status: await child.exited, output };
}

/** The parts of an output between lines `== name`, by name. */
export function parts(output: string): Record<string, string> {
  const pieces = output.split(/^== (.*)\n/m).slice(1);
  return Object.fromEntries(
    pieces.flatMap((name, at) => (at % 2 === 0 ? [[name, (pieces[at + 1] ?? "").trim()]] : [])),
  );
}

/** Makes a program of that name that sleeps: the xterm of the sessions. */
export async function installSleeper(name: string): Promise<void> {
  await type(`cp /usr/bin/sleep /usr/local/bin/${name}`);
}
