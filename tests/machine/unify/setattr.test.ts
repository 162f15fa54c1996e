/** setattr and showattr: the mark from the command line, and what it survives. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type } from "../shell.ts";
import { makeDisk, removeDisk } from "./place.ts";

const mounted = "/mnt/unify-test";
const place = "/vservers/unify-tools";

beforeAll(async () => {
  await type("vkernel load");
});
beforeEach(async () => {
  await type(
    `rm -rf ${place}; mkdir -p ${place}/sub; cd ${place}; echo a >a; ln a sub/b; echo c >sub/c; ln -s c sub/link; mkfifo sub/pipe`,
  );
});
afterAll(() => type(`rm -rf ${place}`));

test("the mark is set, shown and cleared, and nothing else of the file changes", async () => {
  const { output } = await type(`cd ${place}; chmod 4755 a; stat -c '%a %y' a >before
    setattr --iunlink a && showattr a sub/b sub/c; showattr --letters a sub/c; showattr --json a
    setattr --~iunlink a && showattr a; stat -c '%a %y' a | cmp - before && echo same`);
  const flags = (name: string, word: string) => expect(output).toMatch(new RegExp(`^${name}\\t000${word}$`, "m"));
  flags("a", "88010");
  flags("sub/b", "88010");
  flags("sub/c", "80000");
  flags("a", "80000");
  expect(output).toContain("-----UI--  a\n-----ui--  sub/c\n");
  const [json = ""] = /^\[$.*?^\]$/ms.exec(output) ?? [];
  expect(JSON.parse(json)).toEqual([
    { file: "a", flags: 0x88010, marked: true, links: 2, guarded: true, immutable: false },
  ]);
  expect(output).toEndWith("same\n");
});

test("the words of 2003 mean the same", async () => {
  const { output } = await type(`cd ${place}; setattr --immutable --immulink a && showattr a`);
  expect(output).toBe("a\t00088010\n");
});

test("-d shows a directory itself, -a names that begin with a dot", async () => {
  const { output } = await type(
    `cd ${place}; echo x >sub/.hidden; showattr -d sub | cut -f1; showattr -Ra . | cut -f1`,
  );
  expect(output).toBe("sub\n.\n./a\n./sub\n./sub/.hidden\n./sub/b\n./sub/c\n");
});

test("-R takes the regular files below, whatever their names, and -x nothing that is mounted there", async () => {
  const { output } =
    await type(`cd ${place}; printf x >sub/$(printf '\\377 \\n'); mkdir sub/mnt; mount --bind /etc sub/mnt
    setattr -R -x --iunlink . ; echo $?; showattr --json /etc/passwd | grep -c '"marked": false'; showattr -R -x . | LC_ALL=C grep -c 00088010; umount sub/mnt
    showattr -R . | LC_ALL=C grep -a -c "$(printf 'sub/\\377 ')"`);
  expect(output).toBe("0\n1\n4\n1\n");
});

test("what is no file is named, and the rest is done", async () => {
  const { output, status } = await type(
    `cd ${place}; setattr --iunlink none sub sub/link sub/pipe a; code=$?; showattr a; exit $code`,
  );
  expect(output).toBe(
    `setattr: cannot mark none: no such file or directory; see ls for what is there
setattr: cannot mark sub: it is a directory; -R marks the files in it
setattr: cannot mark sub/link: it is neither a regular file nor a directory
setattr: cannot mark sub/pipe: it is neither a regular file nor a directory
a\t00088010
`,
  );
  expect(status).toBe(1);
});

for (const [how, script] of [
  ["open for writing", "import os,sys; f=os.open('a',os.O_WRONLY); print(1,flush=True); sys.stdin.read()"],
  [
    "mapped for writing, its descriptor closed",
    "import mmap,os,sys; f=os.open('a',os.O_RDWR); m=mmap.mmap(f,2); os.close(f); print(1,flush=True); sys.stdin.read()",
  ],
] as const) {
  test(`a file that is ${how} is left unmarked and named`, async () => {
    const child = Bun.spawn(["chcontext", "--silent", "python3", "-c", script], {
      cwd: place,
      stdin: "pipe",
      stdout: "pipe",
    });
    await child.stdout.getReader().read();
    const { output } = await type(`cd ${place}; setattr --iunlink sub/b; echo $?; showattr a`);
    child.stdin.end();
    await child.exited;
    expect(output).toBe(
      "setattr: cannot mark sub/b: somebody has it open for writing; end that (fuser -v shows who), or leave it unmarked\n1\na\t00080000\n",
    );
    expect((await type(`cd ${place}; setattr --iunlink sub/b; echo $?`)).output).toBe("0\n");
  });
}

test("a file system without extended attributes is named, and nothing is marked", async () => {
  const { output, status } = await type("setattr --iunlink /proc/version");
  expect(output).toBe(
    "setattr: cannot mark /proc/version: operation not supported; its file system has no extended attributes; ext4, btrfs and XFS have\n",
  );
  expect(status).toBe(1);
});

test("outside context 0 nothing is set and nothing cleared", async () => {
  const { output } = await type(`cd ${place}; setattr --iunlink a; chcontext --silent setattr --~iunlink a; echo $?
    chcontext --silent setattr --iunlink sub/c; echo $?; showattr a sub/c`);
  const refused =
    "setattr: cannot change the mark: the mark is set and cleared from context 0 only; run it on the main server\n1\n";
  expect(output).toBe(`${refused}${refused}a\t00088010\nsub/c\t00080000\n`);
});

test("the mark survives rsync -aHX, tar --xattrs and cp -a, with the links", async () => {
  const { output } = await type(`cd ${place}; setattr --iunlink a; mkdir ../unify-r ../unify-t
    rsync -aHX ./ ../unify-r/; tar --xattrs -cf - . | tar --xattrs -xf - -C ../unify-t; cp -a . ../unify-c
    for copy in r t c; do showattr --json ../unify-$copy/a; chcontext --silent sh -c "echo x >>../unify-$copy/sub/b"; done
    rm -r ../unify-r ../unify-t ../unify-c`);
  expect(output.match(/"guarded": true/g)).toHaveLength(3);
  expect(output.match(/Operation not permitted/g)).toHaveLength(3);
});

for (const kind of ["ext4", "btrfs"] as const) {
  test(`the mark survives until the disk is mounted again: ${kind}`, async () => {
    await makeDisk(kind, mounted);
    const { output } =
      await type(`cd ${mounted}; echo a >a; ln a b; setattr --iunlink a; cd /; umount ${mounted}; mount -o loop /vservers/unify.image ${mounted}
    showattr --json ${mounted}/b; chcontext --silent sh -c 'echo x >>${mounted}/b'; cat ${mounted}/a`);
    await removeDisk(mounted);
    expect(output).toMatch(/"guarded": true[\s\S]*Operation not permitted\na\n$/);
  });
}
