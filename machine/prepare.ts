/** `machine/prepare`: afterwards both kernels, the root tree, the disk and the guests' trees are there. */
import { parseArguments } from "../src/text/arguments.ts";
import { explain } from "../src/text/error.ts";
import { helpText, type Manual } from "../src/text/manual.ts";
import { kernels } from "./options.ts";
import { diskPart } from "./parts/disk.ts";
import { guestParts } from "./parts/guests.ts";
import { kernelPart } from "./parts/kernel.ts";
import { prepare } from "./parts/prepare.ts";
import { rootPart } from "./parts/root.ts";

const manual: Manual = {
  name: "machine/prepare",
  section: 8,
  summary: "make what the test machine needs",
  synopsis: ["machine/prepare"],
  description: [
    "Fetches two Debian kernels and makes the Debian trees that machine/run and machine/shell boot. What is there already " +
      "is left alone. Everything is kept in .cache, or where VSERVER_CACHE says. Packages come from the mirror apt uses " +
      "on this machine, or from VSERVER_MIRROR.",
  ],
  options: [],
  exits: [
    ["0", "all is there"],
    ["1", "something could not be made"],
  ],
};

try {
  const args = parseArguments(manual, process.argv.slice(2));
  if (args.has("--help")) console.log(helpText(manual));
  else await prepare([...kernels.map(kernelPart), rootPart([]), diskPart, ...guestParts.values()]);
} catch (thrown) {
  const { line, exitCode } = explain(thrown);
  console.error(line);
  process.exitCode = exitCode;
}
