/** Names of hosts, as every program of the machine finds them: nsswitch.conf(5), not the network alone. */

/**
 * The first address of a host, an IPv4 one where it has any; undefined when there is none, or nobody can be asked.
 *
 * Bun's own resolver, its default, keeps a processor busy for twenty seconds where no name server answers, and knows of
 * /etc/hosts and /etc/resolv.conf alone.
 */
export async function hostAddress(name: string): Promise<string | undefined> {
  const found = await Bun.dns.lookup(name, { backend: "system" }).catch(() => []);
  return (found.find(({ family }) => family === 4) ?? found[0])?.address;
}
