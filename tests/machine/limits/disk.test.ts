/** Disk space and inodes of a server: on ext4, XFS and btrfs, whoever owns the files, and df inside shows its own. */
import { afterAll, describe, expect, test } from "bun:test";
import { projectQuota, setProjectQuota } from "../../../src/linux/quota.ts";
import { parts, type } from "../shell.ts";
import { makeServer, removeServer } from "./place.ts";

const mounted = "/mnt/disk-test";

afterAll(async () => {
  for (const name of ["dext4", "dnext", "dxfs", "dbtrfs"]) await removeServer(name);
  await type(`umount ${mounted}; rm -rf /vservers/*.image /etc/vserver.conf`);
});

/** Lines of `df` inside, by what was asked: numbers of 1K blocks, or of inodes. */
async function df(name: string, option: string): Promise<{ readonly size: number; readonly used: number }> {
  const { output } = await type(`vserver ${name} exec df ${option} / | tail -n 1`);
  const [, size, used] = output.trim().split(/\s+/).map(Number);
  return { size: size ?? Number.NaN, used: used ?? Number.NaN };
}

/** Fills the tree as root and as another user, in a directory and through a new one, until the disk says no. */
const fill = (name: string) =>
  type(`vserver ${name} exec sh -c 'mkdir -p /root/deep/er; dd if=/dev/zero of=/root/deep/er/x bs=1M count=60; rm -r /root/deep'
    vserver ${name} suexec nobody sh -c 'dd if=/dev/zero of=/tmp/y bs=1M count=60; rm /tmp/y'`);

async function project(name: string): Promise<void> {
  expect(await type(`chmod 1777 /vservers/${name}/tmp 2>/dev/null; vserver --silent ${name} start`)).toMatchObject({
    status: 0,
  });
  const space = await df(name, "-k");
  expect(space.size).toBe(20 * 1024);
  expect(space.used).toBeLessThan(5 * 1024);
  expect(await df(name, "-i")).toMatchObject({ size: 300 });
  expect((await fill(name)).output.match(/No space left on device|Disk quota exceeded/g)).toHaveLength(2);
  expect((await df(name, "-k")).used).toBe(space.used);
  const many = await type(
    `vserver ${name} exec sh -c 'mkdir /root/many; cd /root/many; for i in $(seq 400); do : >$i || break; done'; vlimit ${name}`,
  );
  expect(many.output).toMatch(/No space left on device|Disk quota exceeded/);
  expect(many.output).toMatch(/^INODES +300 +300 /m);
  await type(`vserver ${name} exec rm -rf /root/many`);
}

/** Stops the server of ext4 and makes its tree anew, of no project, with a directory beside it. */
const uncount = `vserver --silent dext4 stop; umount /vservers/dext4/usr; mkdir /vservers/other; mv /vservers/dext4 /vservers/again
  mkdir /vservers/dext4; cp -a /vservers/again/. /vservers/dext4/`;

/** By every call there is for it. */
const attempts = `
import ctypes, errno, fcntl, os, struct
def attempt(name, work):
    try: work(); print(name, "DONE")
    except OSError as error: print(name, errno.errorcode[error.errno])
def ioctl(path, request, value):
    descriptor = os.open(path, os.O_RDONLY)
    try: fcntl.ioctl(descriptor, request, value)
    finally: os.close(descriptor)
open("/tmp/mine", "w").write("x"); os.makedirs("/tmp/dir", exist_ok=True)
for path in ("/tmp/mine", "/tmp/dir"):
    attempt("FSSETXATTR " + path, lambda: ioctl(path, 0x401c5820, struct.pack("<IIIII8x", 0, 0, 0, 0, 0)))
attempt("SETFLAGS /tmp/dir", lambda: ioctl("/tmp/dir", 0x40086602, struct.pack("<Q", 0)))
attempt("SETFLAGS32 /tmp/dir", lambda: ioctl("/tmp/dir", 0x40046602, struct.pack("<Q", 0)))
libc = ctypes.CDLL(None, use_errno=True)
for path in (b"/tmp/mine", b"/tmp/dir"):
    if libc.syscall(469, -100, path, struct.pack("<QIIII", 0, 0, 0, 0, 0), 24, 0) < 0:
        print("file_setattr", errno.errorcode[ctypes.get_errno()])
    else: print("file_setattr", "DONE")
`;

/** Subvolumes and snapshots by each request for one, whatever size its bits say, by root and by another user. */
const subvolumes = `
import errno, fcntl, os, struct
def attempt(name, number, value):
    descriptor = os.open("/tmp", os.O_RDONLY)
    try: fcntl.ioctl(descriptor, number, bytearray(value)); print(name, "DONE")
    except OSError as error: print(name, errno.errorcode[error.errno])
    finally: os.close(descriptor)
tree = os.open("/", os.O_RDONLY)
def words(source, name): return struct.pack("<q4088s", source, name.encode())
def words2(source, name): return struct.pack("<qQQ32x4040s", source, 0, 0, name.encode())
who = str(os.getuid())
attempt("SUBVOL_CREATE", 0x5000940e, words(0, "a" + who))
attempt("SUBVOL_CREATE_V2", 0x50009418, words2(0, "b" + who))
attempt("SNAP_CREATE", 0x50009401, words(tree, "c" + who))
attempt("SNAP_CREATE_V2", 0x50009417, words2(tree, "d" + who))
attempt("SUBVOL_CREATE of no size", 0x940e, words(0, "e" + who)[:64])
# Neither projects nor inheritance are here: what chattr does stays allowed.
if who == "0": attempt("SETFLAGS", 0x40086602, struct.pack("<Q", 0))
`;

describe("ext4", () => {
  test("a server has its own space and inodes, and df inside shows them", async () => {
    await makeServer("dext4", "S_CONTEXT=725\nDISK=20M\nINODES=300");
    await project("dext4");
  }, 300_000);

  test("its root cannot move files to another project", async () => {
    await Bun.write("/vservers/dext4/tmp/escape.py", attempts);
    const { output } = await type(
      "vserver dext4 exec python3 /tmp/escape.py; lsattr -p -d /vservers/dext4/tmp/dir /vservers/dext4/tmp/mine",
    );
    expect(output).not.toContain("DONE");
    expect(output.match(/^\s*1\d{6} /gm)).toHaveLength(2);
    const [, flags] = /(\S+) \/vservers\/dext4\/tmp\/dir/.exec(output) ?? [];
    expect(flags).toContain("P");
  });

  test("unified files count for nobody, and what is written anew counts", async () => {
    const { output } = await type(`
      ${uncount}
      dd if=/dev/zero of=/vservers/other/shared bs=1M count=8 status=none; setattr --iunlink /vservers/other/shared
      mkdir -p /vservers/dext4/opt; ln /vservers/other/shared /vservers/dext4/opt/shared
      echo == start; vserver --silent dext4 start
      echo == before; vserver dext4 exec df -k --output=used / | tail -n 1
      vserver dext4 exec cp /opt/shared /tmp/own; sync; echo == after; vserver dext4 exec df -k --output=used / | tail -n 1
      echo == unified; vserver dext4 exec sh -c ': >>/opt/shared'
      echo == link; vserver dext4 exec ln /opt/shared /opt/backup
      vserver dext4 exec rm /tmp/own; vunify --undo --content dext4
      echo == own; vserver dext4 exec ln /opt/shared /opt/backup && echo linked; lsattr -p /vservers/dext4/opt/shared
      rm -rf /vservers/other /vservers/again; vserver dext4 exec rm -r /opt/shared /opt/backup`);
    const seen = parts(output);
    expect(Number(seen["before"])).toBeLessThan(6 * 1024);
    expect(Number(seen["after"]) - Number(seen["before"])).toBe(8 * 1024);
    expect(seen["unified"]).toContain("Operation not permitted");
    // As dpkg does before it replaces a file.
    expect(seen["start"]).toMatch(
      /^vserver dext4: 1 of its files are shared .*; vunify --undo --content dext4 makes them/,
    );
    expect(seen["link"]).toContain("Invalid cross-device link");
    expect(seen["own"]).toMatch(/^linked\n\s*1\d{6} /);
  }, 200_000);

  test("files with several names that are not unified count, in the tree and beyond it, and get more names", async () => {
    const { output } = await type(`
      ${uncount}
      # Names are bytes, of no encoding.
      mkdir "$(printf '/vservers/dext4/tmp/\\377')"; echo x >"$(printf '/vservers/dext4/tmp/\\377/\\376')"
      cd /vservers/dext4/tmp; echo x >inside; mkdir deep; ln inside deep/er; echo x >/vservers/other/beyond; ln /vservers/other/beyond beyond
      vserver --silent dext4 start
      echo == projects; lsattr -p inside beyond; lsattr -p "$(printf '\\377')"
      for file in inside beyond; do
        echo == $file; vserver dext4 exec sh -c "dd if=/dev/zero of=/tmp/$file bs=1M count=60 oflag=append conv=notrunc; : >/tmp/$file"
        echo == ln $file; vserver dext4 exec ln /tmp/$file /tmp/more-$file && echo linked
      done
      echo == moved; vserver dext4 exec mv /tmp/beyond /root/moved && echo moved
      cd /; rm -rf /vservers/other /vservers/again`);
    const seen = parts(output);
    expect(seen["projects"]?.match(/^\s*1\d{6} /gm)).toHaveLength(3);
    for (const file of ["inside", "beyond"]) {
      expect(seen[file]).toMatch(/No space left on device|Disk quota exceeded/);
      expect(seen[`ln ${file}`]).toBe("linked");
    }
    expect(seen["moved"]).toBe("moved");
  }, 200_000);

  test("a lower limit than what is used is set and reported, and the limits outlive a restart", async () => {
    const { output } = await type(`
      vserver dext4 exec dd if=/dev/zero of=/tmp/z bs=1M count=8 status=none
      echo == lower; vlimit dext4 --save --disk 1M; echo $?
      echo == write; vserver dext4 exec cp /etc/passwd /tmp/new
      vserver --silent dext4 restart; echo == restarted; vserver dext4 exec df -k --output=size / | tail -n 1`);
    const seen = parts(output);
    expect(seen["lower"]).toMatch(/^vlimit dext4: DISK: .* in use, over the new limit of 1M: .*\n0$/);
    expect(seen["write"]).toMatch(/No space left on device|Disk quota exceeded/);
    expect(seen["restarted"]).toBe("1024");
  }, 200_000);

  test("what its root could get around is said, and refused unless LIMITS=optional", async () => {
    const unlimited = "dd if=/dev/zero of=/root/z bs=1M count=30 status=none";
    const { output } = await type(`
      cp /etc/vservers/dext4.conf /tmp/dext4.conf; sed -i '/^INODES/d; /^DISK/d' /etc/vservers/dext4.conf; vserver --silent dext4 stop
      printf 'S_CAPS=CAP_SYS_RESOURCE\\nDISK=20M\\n' >>/etc/vservers/dext4.conf
      echo == kept; vserver --silent dext4 start; echo $?
      echo LIMITS=optional >/etc/vserver.conf
      echo == told; vserver --silent dext4 start; echo $?; vserver dext4 exec sh -c '${unlimited} && echo exceeded; rm /root/z'
      echo == others; vserver dext4 suexec nobody sh -c '${unlimited.replace("/root/z", "/tmp/nobodys")}; rm /tmp/nobodys'
      vserver --silent dext4 stop
      printf 'IPROOT=0.0.0.0\\nS_FLAGS=fakeinit\\nDISK=20M\\n' >/etc/vservers/dext4.conf; echo CONTEXTS=optional >/etc/vserver.conf
      echo == alone; unshare -m sh -c 'mount -t tmpfs none /sys/kernel/security; vserver --silent dext4 start; echo $?'
      rm -f /etc/vserver.conf; mv /tmp/dext4.conf /etc/vservers/; vserver --silent dext4 start`);
    const seen = parts(output);
    const kept =
      /vserver dext4: cannot enforce its limit DISK: S_CAPS keeps CAP_SYS_RESOURCE, with which .*; take CAP_SYS_RESOURCE out of S_CAPS, or set LIMITS=optional in .*\n/;
    expect(seen["kept"]).toMatch(new RegExp(`^${kept.source}69$`));
    expect(seen["told"]).toMatch(new RegExp(`^${kept.source}0\nexceeded$`));
    expect(seen["others"]).toMatch(/No space left on device|Disk quota exceeded/);
    expect(seen["alone"]).toMatch(
      /^vserver dext4: cannot enforce its limit DISK: it has no security context \(CONTEXTS=optional\), so its root can move .*\n69$/,
    );
  }, 200_000);

  test("what vlimit set without --save, and what the conf no longer asks for, is gone after a restart", async () => {
    const { output } = await type(`
      sed -i '/^INODES/d; s/^DISK.*/DISK=20M/' /etc/vservers/dext4.conf; vserver --silent dext4 restart
      echo == before; vlimit dext4 | grep -E '^(DISK|INODES)'; vlimit dext4 --inodes 299; vlimit dext4 | grep INODES
      vserver --silent dext4 restart; echo == inodes; vlimit dext4 | grep -E '^(DISK|INODES)'
      sed -i /^DISK/d /etc/vservers/dext4.conf; vserver --silent dext4 restart; echo == neither; vlimit dext4 | grep -E '^(DISK|INODES)'
      vserver dext4 exec dd if=/dev/zero of=/tmp/z bs=1M count=30 && vserver dext4 exec rm /tmp/z
      echo == escape; vserver dext4 exec python3 /tmp/escape.py`);
    const seen = parts(output);
    expect(seen["before"]).toMatch(/^DISK +\S+ +20M .*\nINODES +\d+ +- .*\nINODES +\d+ +299 /);
    expect(seen["inodes"]).toMatch(/^DISK +\S+ +20M .*\nINODES +\d+ +- /);
    expect(seen["neither"]).toMatch(/^DISK +\S+ +- .*\nINODES +\d+ +- /);
    expect(seen["neither"]).not.toMatch(/No space left on device|Disk quota exceeded/);
    // A file it moved now would not count once there is a limit again.
    expect(seen["escape"]).toContain("EPERM");
    expect(seen["escape"]).not.toContain("DONE");
  }, 200_000);

  test("a deleted server's limits are no new server's", async () => {
    const projectOf = async (name: string) =>
      Number(/\d+/.exec((await type(`lsattr -p -d /vservers/${name}`)).output)?.[0]);
    await type("vlimit dext4 --disk 19M --inodes 298");
    const old = await projectOf("dext4");
    const gone = await type(
      "vserver --silent dext4 stop; umount /vservers/dext4/usr; vserver --silent dext4 delete --yes",
    );
    expect(gone).toMatchObject({ status: 0 });
    expect(projectQuota("/vservers", old)).toMatchObject({ mostSpace: Infinity, mostInodes: Infinity });
    // A tree that was removed in another way.
    setProjectQuota("/vservers", old, { space: 19 << 20, inodes: 298 });
    await makeServer("dnext", "S_CONTEXT=725\nDISK=20M");
    expect(await type("vserver --silent dnext start")).toMatchObject({ status: 0 });
    expect(await projectOf("dnext")).toBe(old);
    const { output } = await type("vlimit dnext");
    expect(output).toMatch(/^DISK +\S+ +20M /m);
    expect(output).toMatch(/^INODES +\d+ +- /m);
  }, 200_000);

  test("where the file system has no quota the commands that give it one are said", async () => {
    await type(`
      modprobe loop; truncate -s 64M /vservers/plain.image; mkfs.ext4 -q -F /vservers/plain.image; mkdir -p ${mounted}
      mount -o loop /vservers/plain.image ${mounted}; echo VSERVERS=${mounted} >/etc/vserver.conf`);
    await makeServer("dplain", "S_CONTEXT=730\nDISK=20M", mounted);
    const { output } = await type("vserver --silent dplain start; echo $?");
    await removeServer("dplain", mounted);
    await type(`umount ${mounted}; rm /etc/vserver.conf`);
    expect(output).toMatch(
      /^vserver dplain: cannot enforce its limit DISK: \/dev\/loop\d+ \(ext4\) on \/mnt\/disk-test has no project quota; umount \/mnt\/disk-test && tune2fs -O project,quota -Q prjquota \/dev\/loop\d+ && mount -o prjquota \/dev\/loop\d+ \/mnt\/disk-test .*\n69\n/m,
    );
  }, 200_000);
});

describe("XFS", () => {
  test("a server has its own space and inodes, and df inside shows them", async () => {
    await type(`
      modprobe xfs; truncate -s 400M /vservers/xfs.image; mkfs.xfs -q /vservers/xfs.image; mkdir -p ${mounted}
      mount -o loop,prjquota /vservers/xfs.image ${mounted}; echo VSERVERS=${mounted} >/etc/vserver.conf`);
    await makeServer("dxfs", "S_CONTEXT=726\nDISK=20M\nINODES=300", mounted);
    await project("dxfs");
    await Bun.write(`${mounted}/dxfs/tmp/escape.py`, attempts);
    expect((await type("vserver dxfs exec python3 /tmp/escape.py")).output).not.toContain("DONE");
    await removeServer("dxfs", mounted);
    await type(`umount ${mounted}; rm /etc/vserver.conf`);
  }, 300_000);
});

describe("btrfs", () => {
  test("a subvolume's space is limited; what cannot be is said", async () => {
    await type(`
      modprobe btrfs; truncate -s 400M /vservers/btrfs.image; mkfs.btrfs -q /vservers/btrfs.image; mkdir -p ${mounted}
      mount -o loop /vservers/btrfs.image ${mounted}; echo VSERVERS=${mounted} >/etc/vserver.conf`);
    const start = "vserver --silent dbtrfs start; echo $?";
    await makeServer("dbtrfs", "S_CONTEXT=727\nDISK=20M", mounted);
    const plain = await type(start);
    expect(plain.output).toMatch(
      /dbtrfs is no subvolume of btrfs; stop dbtrfs and make it one: .*btrfs subvolume create.*\n69\n$/,
    );
    await type(
      `umount ${mounted}/dbtrfs/usr; rm -rf --one-file-system ${mounted}/dbtrfs; btrfs subvolume create ${mounted}/dbtrfs`,
    );
    await makeServer("dbtrfs", "S_CONTEXT=727\nDISK=20M", mounted);
    expect((await type(start)).output).toMatch(/quota is off on the btrfs of .*; btrfs quota enable .*\n69\n$/);
    const { output } = await type(`btrfs quota enable ${mounted}; ${start}; vlimit dbtrfs --inodes 5; echo $?`);
    expect(output).toMatch(/^0\nvserver dbtrfs: cannot enforce its limit INODES: btrfs cannot limit inodes; .*\n69\n$/);
    const filled = await type(
      "vserver dbtrfs exec sh -c 'dd if=/dev/zero of=/tmp/y bs=1M count=60; sync'; vlimit dbtrfs | grep DISK",
    );
    expect(filled.output).toMatch(/No space left on device|Disk quota exceeded/);
    expect(filled.output).toMatch(/^DISK +\S+ +20M/m);
  }, 300_000);

  test("nobody in it makes a subvolume, which would have no limit", async () => {
    const tree = `${mounted}/dbtrfs`;
    await type(`rm ${tree}/tmp/y; sync; btrfs filesystem sync ${tree}`);
    await Bun.write(`${tree}/tmp/subvolumes.py`, subvolumes);
    const attempt = "python3 /tmp/subvolumes.py";
    const { output } = await type(`
      echo == root; vserver dbtrfs exec ${attempt}; echo == nobody; vserver dbtrfs suexec nobody ${attempt}
      echo == tool; vserver dbtrfs exec btrfs subvolume create /tmp/one
      echo == main; btrfs subvolume create ${tree}/tmp/main >/dev/null; btrfs subvolume list -o ${tree} | wc -l`);
    const seen = parts(output);
    const refused = ["SUBVOL_CREATE", "SUBVOL_CREATE_V2", "SNAP_CREATE", "SNAP_CREATE_V2", "SUBVOL_CREATE of no size"];
    const lines = refused.map((one) => `${one} EPERM`);
    expect(seen["root"]?.split("\n")).toEqual([...lines, "SETFLAGS DONE"]);
    expect(seen["nobody"]?.split("\n")).toEqual(lines);
    expect(seen["tool"]).toContain("Operation not permitted");
    expect(seen["main"]).toBe("1");
    const restart = "vserver --silent dbtrfs restart; vlimit dbtrfs | grep ^DISK";
    const gone = await type(`sed -i /^DISK/d /etc/vservers/dbtrfs.conf; ${restart}`);
    expect(gone.output).toMatch(/^DISK +\S+ +- /);
    // What was made while there was no limit, or by the main server, is told.
    const again = await type("vlimit dbtrfs --disk 30M; echo $?");
    expect(again.output).toMatch(/another subvolume is in .*, which would have no limit: dbtrfs\/tmp\/main; .*\n69\n$/);
    await removeServer("dbtrfs", mounted);
    await type(`umount ${mounted}; rm /etc/vserver.conf`);
  }, 300_000);
});
