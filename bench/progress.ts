/** What the bench is busy with, for whoever watches a terminal; elsewhere nothing is printed. */

const clear = "\r\x1b[K";

/** Runs `work` under a line that says what it is and for how many seconds it has been going on. */
export async function showing<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  if (!process.stderr.isTTY) return work();
  const begun = Date.now();
  const print = () => process.stderr.write(`${clear}${what} … ${Math.round((Date.now() - begun) / 1000)} s`);
  print();
  const timer = setInterval(print, 1000);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    process.stderr.write(clear);
  }
}
