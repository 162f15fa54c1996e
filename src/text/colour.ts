/** Colours for people who look at a terminal and have not asked for none: https://no-color.org */
const isColoured = process.stdout.isTTY === true && !process.env["NO_COLOR"];

/** Numbers of SGR, ECMA-48. */
export const colours = { bold: 1, dim: 2, red: 31, green: 32 } as const;
export type Colour = keyof typeof colours;

/** The text, in that colour where there are any. */
export const paint = (colour: Colour | undefined, text: string): string =>
  isColoured && colour !== undefined ? `\x1b[${colours[colour]}m${text}\x1b[0m` : text;
