/** Sizes and times in the few characters the tools of 2003 had for them. */

const sizeUnits = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** A number of bytes in whole units of 1024, rounded down: `154MB`. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < sizeUnits.length - 1; unit++) value = Math.floor(value / 1024);
  return `${Math.floor(value)}${sizeUnits[unit]}`;
}

const two = (value: number) => String(value).padStart(2, "0");
/** A zero in the first place is blank. */
const leading = (value: number, width: number) => (value === 0 ? "" : String(value)).padStart(width);

/** A time in hundredths of a second, nine characters: `  4d23h09`, `  3h07m21`, ` 12m05.33`. */
export function timeText(hundredths: number): string {
  const seconds = Math.floor(hundredths / 100);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return `${leading(days, 3)}d${two(hours % 24)}h${two(minutes % 60)}`;
  if (hours > 0) return ` ${leading(hours, 2)}h${two(minutes % 60)}m${two(seconds % 60)}`;
  return ` ${leading(minutes, 2)}m${two(seconds % 60)}.${two(Math.floor(hundredths) % 100)}`;
}
