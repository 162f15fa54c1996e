/** chbind: ties the process to addresses, then the command. */
import type { Manual } from "../text/manual.ts";
import { become, chainExits, chainRules, requireCommand } from "./chain.ts";
import type { Command } from "./command.ts";
import { steerDatagrams, tieSteps, wantedAddresses } from "./tie.ts";

const tool = "chbind";

const manual: Manual = {
  name: tool,
  section: 8,
  summary: "tie a command to addresses",
  synopsis: ["chbind [--silent] [--ip ADDRESS[/MASK]]... [--bcast ADDRESS] COMMAND [ARG...]"],
  description: [
    "Executes COMMAND with addresses of its own: what it binds to any address is reached on all of these and on no other, what it binds to another is refused, and its connections and datagrams come from them. It cannot be undone, children inherit it, and chbind inside may only drop addresses. Any user may do it.",
    "IPv4 and IPv6 are mixed, 16 addresses at most. Without an IPv6 address there is no IPv6, and without an IPv4 address no IPv4; a service that binds such a wildcard starts and is not reached there. The source of a connection is the address whose network holds the destination, else the first.",
    "Datagram sockets bound to any address get what is sent to each of the addresses, but neither broadcasts nor multicast, and no later fragments beyond the first address. From other machines they get them at the first of each family; at the others where root has called chbind for several, or a server has several, on that device.",
    "Without --ip, or with 0.0.0.0, nothing is restricted.",
  ],
  options: [
    {
      flag: "--ip",
      value: "ADDRESS[/MASK]",
      repeat: true,
      about:
        "a device (all its addresses but link-local ones, with their masks and broadcast), an IPv4 or IPv6 address, or a host name; of 127.0.0.0/8 none from 127.0.2.0 on, which are loopbacks of contexts; MASK is a prefix length or, for IPv4, dotted; 24 and 64 unless said",
    },
    {
      flag: "--bcast",
      value: "ADDRESS",
      about:
        "an IPv4 broadcast address that datagram sockets may be bound to besides: a device (its own) or an address; who is tied already keeps the one he has, or none",
    },
    { flag: "--silent", about: "do not print the addresses" },
  ],
  exits: chainExits,
  examples: [
    { command: "chbind --ip eth0 /etc/init.d/nginx restart", about: "one web server per address" },
    { command: "chbind --ip 10.0.0.2 --ip 2001:db8::2 nginx", about: "one on two addresses" },
    { command: "chbind --ip 10.0.0.2 curl http://10.0.0.1/", about: "choose the source of a connection" },
  ],
  seeAlso: ["chcontext(8)", "reducecap(8)", "vkernel(8)"],
};

export const command: Command = {
  manual,
  rules: chainRules,
  async run(args) {
    requireCommand(tool, args);
    const wanted = await wantedAddresses(tool, args.values("--ip"), args.value("--bcast"));
    await steerDatagrams(tool, wanted);
    return become(tool, args, tieSteps(tool, wanted, args.has("--silent")));
  },
};
