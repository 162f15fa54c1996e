/** The program that attacks and is attacked: the C files in attack/, built with everything else (`make build/attack`). */
import { copyFileSync, existsSync, renameSync } from "node:fs";
import { join } from "node:path";

const built = join(import.meta.dir, "../../../build/attack");
/** Where everybody in the test machine may execute it. */
const installed = "/tmp/attack";

/** Path of the program. */
export function attackProgram(): string {
  if (!existsSync(installed)) {
    copyFileSync(built, `${installed}.new`);
    renameSync(`${installed}.new`, installed);
  }
  return installed;
}
