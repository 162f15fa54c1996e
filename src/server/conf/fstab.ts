/** `/etc/vservers/NAME.fstab`: what is mounted in a server besides its root, in the form of fstab(5). */
import { mountFlags } from "../../linux/mount.ts";
import { VserverError } from "../../text/error.ts";

export interface TableMount {
  /** `FILE:LINE`. */
  readonly place: string;
  /** A path of the main server, or what the file system's type wants there. */
  readonly source: string;
  /** Path in the server. */
  readonly target: string;
  /** undefined = a directory or file of the main server, bound. */
  readonly type: string | undefined;
  /** With everything mounted below it. */
  readonly recursive: boolean;
  readonly flags: number;
  /** Options that are the file system's own. */
  readonly data: string;
}

const { MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC } = mountFlags;
const MS_NOATIME = 1024;
const MS_NODIRATIME = 2048;
const MS_RELATIME = 1 << 21;

/** Options that are flags of mount(2), and those that take one back. */
const flagsOf: Readonly<Record<string, readonly [set: number, clear: number]>> = {
  defaults: [0, 0],
  auto: [0, 0],
  nofail: [0, 0],
  ro: [MS_RDONLY, 0],
  rw: [0, MS_RDONLY],
  nosuid: [MS_NOSUID, 0],
  suid: [0, MS_NOSUID],
  nodev: [MS_NODEV, 0],
  noexec: [MS_NOEXEC, 0],
  exec: [0, MS_NOEXEC],
  noatime: [MS_NOATIME, 0],
  nodiratime: [MS_NODIRATIME, 0],
  relatime: [MS_RELATIME, 0],
};

const unescaped = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** Where udev puts the device that has this mark. */
function device(source: string): string {
  const mark = /^(UUID|LABEL|PARTUUID|PARTLABEL)=(.+)$/.exec(source);
  return mark === null ? source : `/dev/disk/by-${mark[1]?.toLowerCase()}/${mark[2]?.replace(/^"(.*)"$/, "$1")}`;
}

function complain(place: string, cause: string, wayOut: string): VserverError {
  return new VserverError({ object: place, attempt: "read this", cause, wayOut });
}

function entry(place: string, fields: readonly string[]): TableMount | undefined {
  const [source, target, type, options = "defaults"] = fields.map(unescaped);
  if (source === undefined || target === undefined || type === undefined) {
    throw complain(place, "fields are missing", "write: SOURCE TARGET TYPE OPTIONS");
  }
  if (!target.startsWith("/") || target.split("/").includes("..") || /^\/+$/.test(target)) {
    throw complain(
      place,
      `${JSON.stringify(target)} is no place in the server`,
      "write an absolute path below its root",
    );
  }
  const words = options.split(",").filter(Boolean);
  if (words.includes("noauto")) return undefined;
  if (words.includes("dev")) {
    throw complain(place, "a server has no devices but those start makes", "leave out the option dev");
  }
  const bound = words.includes("bind") || words.includes("rbind");
  if (bound && !source.startsWith("/")) {
    throw complain(place, `${JSON.stringify(source)} is no path of the main server`, "write an absolute path");
  }
  let flags: number = MS_NODEV;
  const data: string[] = [];
  for (const word of words.filter((one) => one !== "bind" && one !== "rbind")) {
    const change = flagsOf[word];
    if (change === undefined) data.push(word);
    else flags = (flags & ~change[1]) | change[0];
  }
  if (bound && data.length > 0) throw complain(place, `a bound directory has no option ${data[0]}`, "leave it out");
  return {
    place,
    source: bound ? source : device(source),
    target,
    type: bound ? undefined : type,
    recursive: words.includes("rbind"),
    flags,
    data: data.join(","),
  };
}

/** @throws VserverError whose line begins `FILE:LINE:` */
export function parseMountTable(text: string, file: string): readonly TableMount[] {
  return text.split("\n").flatMap((line, at) => {
    const fields = line.trim().split(/\s+/);
    if (line.trim() === "" || line.trimStart().startsWith("#")) return [];
    return entry(`${file}:${at + 1}`, fields) ?? [];
  });
}
