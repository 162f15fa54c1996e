/** A file that two directories share, with all around it that the attacks of contexts/attack/unified.c need. */
import { attackProgram } from "../contexts/program.ts";
import { type } from "../shell.ts";

export interface Shared {
  /** The path of the name that is attacked. */
  readonly file: string;
  /** The other name. */
  readonly link: string;
  /** All that is known of the file but when it was read: contents, status, attributes, flags. */
  state(): Promise<string>;
  /** Ends who gives descriptors of it away, and removes it with all around it. */
  end(): Promise<void>;
}

/**
 * Makes the file below `base`, a directory that is made, with the mark; its owner has all around it too.
 *
 * @param options.link where its second name goes
 */
export async function share(base: string, options: { link?: string; owner?: string } = {}): Promise<Shared> {
  const { link = `${base}/link`, owner = "root" } = options;
  const file = `${base}/files/shared`;
  const { output } =
    await type(`set -e; rm -rf ${base} ${link}; mkdir -p ${base}/files ${base}/lower ${base}/work ${base}/over
    head -c 65536 /dev/urandom >${file}; cp ${file} ${file}.mine; setfattr -n user.there -v x ${file}
    chown -R ${owner}: ${base}; ln ${file} ${link}; setattr --iunlink ${file}`);
  if (output !== "") throw new Error(output);
  const giver = Bun.spawn([attackProgram(), "hand", file], { stdout: "pipe" });
  await giver.stdout.getReader().read();
  return {
    file,
    link,
    state: async () =>
      (
        await type(
          `stat -c '%f %u %g %h %s %y %z %i' ${link}; sha256sum <${link}; getfattr -d -m - ${link}; lsattr ${link}`,
        )
      ).output,
    async end() {
      giver.kill();
      await giver.exited;
      await type(`rm -rf ${base} ${link}`);
    },
  };
}

/** A file system of its own, mounted there. */
export async function makeDisk(kind: "ext4" | "btrfs", at: string): Promise<void> {
  const { status, output } = await type(`set -e; modprobe loop; truncate -s 400M /vservers/unify.image
    mkfs.${kind} -q /vservers/unify.image; mkdir -p ${at}; mount -o loop /vservers/unify.image ${at}`);
  if (status !== 0) throw new Error(output);
}

export async function removeDisk(at: string): Promise<void> {
  await type(`umount ${at}; rm -f /vservers/unify.image`);
}
