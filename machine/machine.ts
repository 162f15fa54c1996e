/** One boot of the test machine: from its parts on disk to the exit status of the job, with nothing left behind. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VserverError } from "../src/text/error.ts";
import { bpfFailure, isBorn, kernelFailure } from "./console.ts";
import { encodeJob, type Job } from "./job.ts";
import type { MachineOptions } from "./options.ts";
import { listen } from "./ports.ts";
import { Processes } from "./processes.ts";
import { type FileServer, fileServer, qemu } from "./qemu.ts";

/** Paths of what a machine is made of. */
export interface Parts {
  readonly kernel: string;
  readonly modules: string;
  readonly root: string;
  readonly tools: string;
  readonly source: string;
  readonly guests: string;
  readonly disk: string;
}

/** The user's end of a running machine. */
export interface Keyboard {
  type(keys: Uint8Array): void;
  resize(rows: number, columns: number): void;
}

export interface Listener {
  out(chunk: Uint8Array): void;
  err(chunk: Uint8Array): void;
  /** The job is about to start. */
  up?(keyboard: Keyboard): void;
}

export type Outcome =
  | { readonly kind: "exit"; readonly status: number }
  | { readonly kind: "timeout" | "failure" | "unborn"; readonly reason: string; readonly console: string };

/** Seconds a boot may take until its init reports, on a machine that has other things to do. */
const birthTime = 120;

export async function boot(parts: Parts, options: MachineOptions, job: Job, listener: Listener): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "vserver-machine-"));
  const socket = (name: string) => join(folder, name);
  const processes = new Processes();
  const text = { console: "", control: "", stderr: "" };
  const decoders = { console: new TextDecoder(), control: new TextDecoder(), stderr: new TextDecoder() };
  const read = (name: keyof typeof text, chunk: Uint8Array) => {
    text[name] += decoders[name].decode(chunk, { stream: true });
  };
  let status: number | undefined;
  let up = false;

  const console = listen(socket("console"), (chunk) => {
    read("console", chunk);
    // A second for the rest of the message.
    if (kernelFailure(text.console) !== undefined) setTimeout(() => processes.end(), 1000);
  });
  const terminal = listen(socket("terminal"), (chunk) => listener.out(chunk));
  const out = listen(socket("out"), (chunk) => listener.out(chunk));
  const err = listen(socket("err"), (chunk) => {
    read("stderr", chunk);
    listener.err(chunk);
  });
  const control = listen(socket("control"), (chunk) => {
    read("control", chunk);
    if (!up && text.control.startsWith("ready\n")) {
      up = true;
      control.send(encodeJob(job, options.shares));
      const resize = (rows: number, columns: number) => control.send(Buffer.from(`${rows} ${columns}\n`));
      listener.up?.({ type: (keys) => terminal.send(keys), resize });
    }
    const exit = /^(exit|off) ([0-9]+)\n/m.exec(text.control);
    if (exit === null) return;
    status = Number(exit[2]);
    // The other one ends by itself.
    if (exit[1] === "exit") processes.end();
  });
  const ports = [console, terminal, control, out, err];

  const servers: FileServer[] = [
    ...(["root", "modules", "tools", "source", "guests"] as const).map((tag) => ({
      tag,
      from: parts[tag],
      socket: socket(tag),
      writable: false,
      // A shell's user edits the source meanwhile.
      fixed: tag !== "source" || job.terminal === undefined,
    })),
    ...options.shares.map(({ from }, at) => {
      return { tag: `share${at}`, from, socket: socket(`share${at}`), writable: true, fixed: false };
    }),
  ];

  let timedOut = false;
  const timers = [setTimeout(() => isBorn(text.console) || processes.end(), birthTime * 1000)];
  if (options.timeout !== undefined) {
    const stop = () => {
      timedOut = true;
      processes.end();
    };
    timers.push(setTimeout(stop, options.timeout * 1000));
  }
  try {
    for (const server of servers) processes.start(fileServer(server));
    for (const server of servers) await appears(server);
    const complaint = await processes.finish(
      qemu(options, {
        kernel: parts.kernel,
        disk: options.keep ?? options.disk ?? parts.disk,
        servers,
        console: console.path,
        terminal: terminal.path,
        ports: [control, out, err].map(({ path }) => path),
      }),
    );
    await Promise.all(ports.map((port) => port.closed));
    const failed = kernelFailure(text.console) ?? bpfFailure(text.stderr);
    const ended = (kind: "timeout" | "failure" | "unborn", reason: string) => ({ kind, reason, console: text.console });
    if (timedOut) return ended("timeout", `not done after ${options.timeout} s`);
    if (!isBorn(text.console)) return ended("unborn", failed ?? (complaint || "no sign of its init"));
    if (failed !== undefined) return ended("failure", failed.trim());
    if (status === undefined) return ended("failure", complaint || "it ended without a result");
    return { kind: "exit", status };
  } finally {
    for (const timer of timers) clearTimeout(timer);
    processes.end();
    for (const port of ports) port.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Waits until a file server listens. */
async function appears(server: FileServer): Promise<void> {
  for (let tries = 0; !existsSync(server.socket); tries++) {
    if (tries === 500) {
      throw new VserverError({ object: "machine", attempt: `share ${server.from}`, cause: "virtiofsd does not start" });
    }
    await Bun.sleep(10);
  }
}
