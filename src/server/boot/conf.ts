/** `/etc/vservers.conf`: how all servers together are started and stopped. */
import { evaluate } from "../conf/evaluate.ts";
import { Fields } from "../conf/fields.ts";
import { readText } from "../conf/file.ts";
import { parse } from "../conf/parse.ts";
import { integer, yesOrNo } from "../conf/value.ts";

export const bootConfFile = "/etc/vservers.conf";
const keys = ["BACKGROUND", "PARALLEL"] as const;

export interface BootConf {
  /** `vservers start` returns at once and goes on in the background. */
  readonly background: boolean;
  /** Most servers that start or stop at the same time; undefined = as many as there are processors. */
  readonly parallel: number | undefined;
}

/** @throws VserverError whose line begins `FILE:LINE:COLUMN:` */
export function parseBootConf(text: string, file: string): BootConf {
  const source = { file, text };
  const field = new Fields(source, evaluate(source, parse(source), { known: new Set(keys) }));
  return Object.freeze({
    background: field.read("BACKGROUND", yesOrNo) ?? false,
    parallel: field.read("PARALLEL", (value) => integer(value, 1, 999)),
  });
}

/** Reads the file; a missing one says nothing. */
export const readBootConf = (file = bootConfFile): BootConf => parseBootConf(readText(file) ?? "", file);
