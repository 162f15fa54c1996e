/** A word as the shell and this parser read it back, quoted only where it must be. */
export function quote(value: string): string {
  if (/^[A-Za-z0-9_./:,@%+-]+$/.test(value)) return value;
  return `"${value.replace(/[\\$`"]/g, "\\$&")}"`;
}
