/** How this very program is started once more. */

/** True in the compiled executable, false when the sources are run. */
export const compiled = import.meta.dir.startsWith("/$bunfs");

/** The file to execute and its first arguments, for the tool of this name. */
export function selfCommand(tool: string): { readonly file: string; readonly arguments: readonly string[] } {
  if (compiled) return { file: process.execPath, arguments: [tool] };
  return { file: process.execPath, arguments: ["bun", Bun.main, tool] };
}
