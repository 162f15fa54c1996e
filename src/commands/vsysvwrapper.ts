/** vsysvwrapper: runs the init script of a service of the main server, tied to addresses, so that servers keep the rest. */
import { readServiceConf, serviceConfFile, serviceName } from "../server/conf/service.ts";
import { BadValue } from "../server/conf/value.ts";
import { UsageError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import { becomeCommand, chainExit, chainExits, chainRules } from "./chain.ts";
import type { Command } from "./command.ts";
import { steerDatagrams, tieSteps, wantedAddresses } from "./tie.ts";

const tool = "vsysvwrapper";

const manual: Manual = {
  name: tool,
  section: 8,
  summary: "run a service of the main server on addresses of its own",
  synopsis: ["vsysvwrapper SERVICE ACTION..."],
  description: [
    "A service of the main server that listens on every address takes its port from all virtual servers. This runs /etc/init.d/SERVICE ACTION tied to addresses, as chbind does, so that its configuration need not be changed. The systemd units v@SERVICE.service and the init scripts v_httpd, v_sshd, v_smb, v_xinetd, v_named, v_portmap, v_sendmail and v_gated do it at boot.",
    '/etc/vservices/SERVICE.conf sets IP, a list of devices, addresses or host names (eth0 when there is no such file), BCAST, a broadcast address, and SERVICE, the init script when it has another name: IP="eth0 10.0.0.5", SERVICE=apache2.',
  ],
  options: [],
  exits: chainExits,
  examples: [
    {
      command: "systemctl disable --now ssh && systemctl enable --now v@ssh",
      about: "The main server's sshd on eth0.",
    },
    { command: "vsysvwrapper nginx restart", about: "The same by hand." },
  ],
  seeAlso: ["chbind(8)", "vserver(8)"],
};

function named(word: string): string {
  try {
    return serviceName(word);
  } catch (thrown) {
    if (thrown instanceof BadValue) throw new UsageError(tool, thrown.message, chainExit);
    throw thrown;
  }
}

export const command: Command = {
  manual,
  rules: chainRules,
  async run(args) {
    const [word, ...actions] = args.words;
    if (word === undefined || actions.length === 0)
      throw new UsageError(tool, "a service and an action are needed", chainExit);
    const name = named(word);
    const conf = readServiceConf(name);
    const wanted = await wantedAddresses(tool, conf.addresses, conf.broadcast);
    const script = `/etc/init.d/${conf.service ?? name}`;
    console.log(`${script} ${actions.join(" ")}: ${conf.addresses.join(" ")} (${serviceConfFile(name)})`);
    const words = [script, ...actions].map((text) => new TextEncoder().encode(text));
    await steerDatagrams(tool, wanted);
    return becomeCommand(tool, words, tieSteps(tool, wanted, false));
  },
};
