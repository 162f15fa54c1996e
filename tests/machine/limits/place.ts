/** Small servers for the tests of limits: a tree with the main server's /usr and nothing to boot. */
import { writeFileSync } from "node:fs";
import { type } from "../shell.ts";

/** Makes the tree and conf of a server; `conf` are lines of its conf file. Its boot starts one process that sleeps. */
export async function makeServer(name: string, conf: string, root = "/vservers"): Promise<void> {
  const tree = `${root}/${name}`;
  await type(`
    mkdir -p ${tree}/etc/init.d ${tree}/usr ${tree}/tmp ${tree}/root /etc/vservers; chmod 1777 ${tree}/tmp
    for part in bin sbin lib lib64; do ln -sfn usr/$part ${tree}/$part; done
    cp /etc/passwd /etc/group /etc/nsswitch.conf ${tree}/etc/
    printf '#!/bin/sh\\nsleep 100000 </dev/null >/dev/null 2>&1 &\\n' >${tree}/etc/init.d/rc; chmod 755 ${tree}/etc/init.d/rc`);
  const hook = `#!/bin/sh
[ "$1" = pre-start ] || exit 0
mountpoint -q ${tree}/usr || mount --bind /usr ${tree}/usr
`;
  writeFileSync(`/etc/vservers/${name}.sh`, hook, { mode: 0o755 });
  writeFileSync(`/etc/vservers/${name}.conf`, `IPROOT=0.0.0.0\n${conf}\n`);
}

/** Ends the server and removes all of it. */
export async function removeServer(name: string, root = "/vservers"): Promise<void> {
  await type(`vserver --silent ${name} stop; umount ${root}/${name}/usr
    rm -rf --one-file-system ${root}/${name}; rm -f /etc/vservers/${name}.*`);
}
