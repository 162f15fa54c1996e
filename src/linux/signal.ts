/** Signals by number and name. */
import { constants } from "node:os";

/** The highest signal number of Linux. */
const lastSignal = 64;

/** The number of `15`, `TERM` or `SIGTERM` (any case); undefined when there is no such signal. */
export function signalNumber(text: string): number | undefined {
  if (/^\d{1,2}$/.test(text)) return Number(text) <= lastSignal ? Number(text) : undefined;
  const name = text.toUpperCase().replace(/^(?!SIG)/, "SIG");
  return Object.entries(constants.signals).find(([known]) => known === name)?.[1];
}
