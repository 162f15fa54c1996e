import { expect, test } from "bun:test";
import { VserverError } from "../../text/error.ts";
import { parseGlobalConf } from "./global.ts";
import { defaultServerConf, parseServerConf } from "./server.ts";
import { writeServerConf } from "./write.ts";

const file = "/etc/vservers/web1.conf";
const read = (text: string, profile?: string) => parseServerConf(text, file, profile).conf;
function complaint(text: string): string {
  try {
    return JSON.stringify(read(text));
  } catch (thrown) {
    if (thrown instanceof VserverError) return thrown.message;
    throw thrown;
  }
}

test("a file that says nothing gives the defaults of 2003", () => {
  expect(read("# nothing\n")).toEqual({
    description: undefined,
    profile: "",
    iproot: "any",
    iprootDevice: undefined,
    iprootPrefix: undefined,
    iprootBroadcast: undefined,
    onBoot: false,
    priority: 100,
    hostName: undefined,
    domainName: undefined,
    context: undefined,
    flags: ["lock", "nproc"],
    capabilities: { keep: [], remove: [] },
    nice: undefined,
    ulimit: [{ letter: "u", resource: "nproc", number: 6, soft: 1000, hard: 1000 }],
    hidePid: undefined,
    netns: false,
    syslog: "own",
    proc: "main",
    limits: {},
  });
});

const of2003 = `# Description: Customer web
if [ "$PROFILE" = "" ] ; then
	PROFILE=prod
fi
# some words
case $PROFILE in
prod)
	IPROOT="eth0:192.168.1.2 eth1:192.168.3.1/255.255.255.192 192.168.1.4"
	IPROOTDEV=eth0
	#IPROOTMASK=
	;;
backup|spare)
	IPROOT=1.2.3.4 ;;
esac
#ONBOOT=yes
ONBOOT=yes
S_HOSTNAME='www.example.com'
S_NICE=
S_FLAGS="lock nproc fakeinit"
S_CAPS="cap_net_raw !CAP_SYS_CHROOT"
ULIMIT="-H -u 1000 -n 2048"
`;

test("a conf file of 2003 is read, addresses by profile", () => {
  const conf = read(of2003);
  expect(conf.iproot).toEqual([
    { device: "eth0", kind: "ipv4", host: "192.168.1.2", prefix: undefined },
    { device: "eth1", kind: "ipv4", host: "192.168.3.1", prefix: 26 },
    { device: undefined, kind: "ipv4", host: "192.168.1.4", prefix: undefined },
  ]);
  expect([conf.description, conf.profile, conf.onBoot, conf.hostName]).toEqual([
    "Customer web",
    "prod",
    true,
    "www.example.com",
  ]);
  expect(conf.flags).toEqual(["lock", "nproc", "fakeinit"]);
  expect(conf.capabilities).toEqual({ keep: ["CAP_NET_RAW"], remove: ["CAP_SYS_CHROOT"] });
  expect(conf.ulimit.map(({ resource, soft, hard }) => ({ resource, soft, hard }))).toEqual([
    { resource: "nproc", soft: undefined, hard: 1000 },
    { resource: "nofile", soft: undefined, hard: 2048 },
  ]);
  expect(read(of2003, "spare").iproot).toMatchObject([{ host: "1.2.3.4" }]);
  expect(read(of2003, "other").iproot).toBe("any");
});

test("a fresh file tests the profile, not a constant", () => {
  const fresh = writeServerConf({ ...defaultServerConf(), profile: "prod", context: 7 });
  expect(fresh).toContain('if [ "$PROFILE" = "" ]');
  expect(read(fresh, "backup").profile).toBe("backup");
  expect(read(fresh)).toEqual({ ...defaultServerConf(), profile: "prod", context: 7 });
});

test("own variables serve in the file; one that serves nothing is told, with the key it looks like", () => {
  const { conf, warnings } = parseServerConf("NET=10.0.0\nIPROOT=$NET.2\nS_HOSTNAM=web\nZZ=1\n", file);
  expect(conf.iproot).toMatchObject([{ host: "10.0.0.2" }]);
  expect(warnings).toEqual([
    `${file}:3:1: "S_HOSTNAM" is no key and is not used; did you mean S_HOSTNAME?`,
    `${file}:4:1: "ZZ" is no key and is not used; remove it`,
  ]);
});

test("a network may be given in every way the document shows", () => {
  expect(read("IPROOT=").iproot).toBe("any");
  expect(read("IPROOT=0.0.0.0").iproot).toBe("any");
  expect(read("IPROOT=ALL").iproot).toBe("all");
  expect(read("IPROOT=www.example.com/24").iproot).toMatchObject([{ kind: "name", prefix: 24 }]);
  expect(read("IPROOT='eth0:2001:db8::1/64 ::1'").iproot).toMatchObject([
    { device: "eth0", kind: "ipv6", host: "2001:db8::1", prefix: 64 },
    { device: undefined, kind: "ipv6", host: "::1" },
  ]);
});

const refused: readonly (readonly [text: string, place: string, about: string])[] = [
  ["A=1\nIPROOT=`hostname -i`\n", "2:8", "command substitution"],
  ['S_HOSTNAME="a$(id)"', "1:14", "command substitution"],
  ["A=$((1+1))", "1:3", "arithmetic"],
  ["ulimit -n 100", "1:1", 'ULIMIT="…"'],
  [". /etc/sysconfig/network", "1:1", "copy the assignments"],
  ["ONBOOT=yes\n\n/sbin/ifconfig eth0 up", "3:1", "run it from /etc/vservers/web1.sh"],
  ["A=x | cat", "1:5", "pipe"],
  ["A=x > /etc/passwd", "1:5", "redirection"],
  ["f() {\n}", "1:1", "functions"],
  ["f () {\n}", "1:1", "not run"],
  ["function f {\n}", "1:1", "not run"],
  ["if ping -c1 x; then A=1; fi", "1:4", "if runs no commands"],
  ["A=(1 2)", "1:3", "arrays"],
  ["A+=x", "1:1", 'A="$A MORE"'],
  ["for a in b; do A=1; done", "1:1", "write the assignments out"],
  ["IPROOT=1.2.3.4 1.2.3.5", "1:16", 'IPROOT="…"'],
  ["IPROOT=eth0:$IP", "1:13", 'nothing has set "IP"'],
  ["IPROOT='10.0.0.1 10.0.0.999'", "1:18", "not an address"],
  ["IPROOT='10.0.0.1 10.0.0.1/8'", "1:18", "named twice"],
  ["IPROOT='10.0.0.1 0.0.0.0'", "1:18", "write it alone"],
  ["IPROOT=10.0.0.010", "1:8", "not an address"],
  ["IPROOT=10.0.0.1/255.0.255.0", "1:8", "not a netmask"],
  ["IPROOTMASK=33", "1:12", "whole number"],
  ["IPROOTDEV=eth0:1", "1:11", "device"],
  ["IPROOTBCAST=x", "1:13", "IPv4"],
  ["ONBOOT=YES", "1:8", "yes or no"],
  ["PRIORITY=1000", "1:10", "0 to 999"],
  ["S_CONTEXT=1", "1:11", "2 to 65535"],
  ["S_CONTEXT=65536", "1:11", "2 to 65535"],
  ["S_NICE=-21", "1:8", "-20 to 19"],
  ["S_HOSTNAME='a b'", "1:13", "host name"],
  ["S_FLAGS='lock  faekinit'", "1:16", "write fakeinit"],
  ["S_FLAGS=held", "1:9", "no flag"],
  ["PROC=onw", "1:6", '"onw" is no choice; write own or main'],
  ["SYSLOG=yes", "1:8", '"yes" is no log; write own or main'],
  ["S_CAPS='CAP_KILL NET_RAW'", "1:18", "names are like CAP_NET_RAW"],
  ["S_CAPS=!CAP_NET_RAWW", "1:8", "write CAP_NET_RAW"],
  ["ULIMIT='-H -u'", "1:12", "no value"],
  ["ULIMIT='-H -u 10 -Z 3'", "1:18", "no option of ulimit"],
  ["ULIMIT='-u hard'", "1:12", "number or unlimited"],
  ["HIDEPID=maybe", "1:9", "yes or no"],
  ["NETNS=1", "1:7", "yes or no"],
  ["SYSLOG=yes", "1:8", "main"],
  ["PROC=yes", "1:6", "main"],
  ["A='x", "1:3", "never closed"],
  ['A="${B:-x"', "1:10", "inner quotes"],
  ["A=${B", "1:3", "of the forms"],
  ["case $PROFILE in\nprod)\nA=1\n", "4:1", "never closed"],
  ['if [ -n "$A" ]; then\n# nothing\nfi', "3:1", "nothing stands in this branch"],
  ['if [ -n "$A" ]; then A=1; else fi', "1:32", "nothing stands in this branch"],
  ['if [ "$A" = "" ]\nA=1\nfi', "2:1", "then was expected"],
  ["A=1\r\n", "1:4", "carriage return"],
  ["\ufeffA=1\n", "1:1", "control character"],
  ["é=1", "1:1", "not run"],
];

for (const [text, place, about] of refused) {
  test(`${JSON.stringify(text)} is refused at ${place}`, () => {
    const line = complaint(text);
    expect(line).toStartWith(`${file}:${place}: cannot `);
    expect(line).toContain(about);
    expect(line).not.toContain("\n");
  });
}

test("what a file shows on a terminal cannot steer it", () => {
  expect(complaint("S_FLAGS='\u009b31mx'")).not.toMatch(/\u009b/);
});

test("the machine's conf file has its own keys", () => {
  expect(parseGlobalConf("", "/etc/vserver.conf").conf).toEqual({
    contexts: "required",
    limits: "required",
    vservers: "/vservers",
    mirror: undefined,
    suite: undefined,
  });
  const { conf, warnings } = parseGlobalConf("CONTEXTS=optional\nVSERVERS=/srv/v\nSUITE=stable\nSUITES=x", "v.conf");
  expect(conf).toMatchObject({ contexts: "optional", vservers: "/srv/v", suite: "stable" });
  expect(warnings).toEqual(['v.conf:4:1: "SUITES" is no key and is not used; did you mean SUITE?']);
  expect(() => parseGlobalConf("CONTEXTS=never", "v.conf")).toThrow("v.conf:1:10: cannot set CONTEXTS");
  expect(() => parseGlobalConf("VSERVERS=../x", "v.conf")).toThrow("absolute");
});

test("limits have units, and what has none or too much of them is refused where it stands", () => {
  const { limits } = read(
    'MEMORY=512M\nMEMORY_HIGH=1.5g\nSWAP=unlimited\nNPROC=500\nCPU_WEIGHT=50\nCPU_MAX=150%\nCPUSET=0-1,3\nIO_READ="10M sdb=1K"\nIO_WRITE_OPS=100\n',
  );
  expect(limits).toEqual({
    MEMORY: 512 * 1024 ** 2,
    MEMORY_HIGH: 1.5 * 1024 ** 3,
    SWAP: Number.POSITIVE_INFINITY,
    NPROC: 500,
    CPU_WEIGHT: 50,
    CPU_MAX: 150,
    CPUSET: "0-1,3",
    IO_READ: [
      { device: undefined, amount: 10 * 1024 ** 2 },
      { device: "sdb", amount: 1024 },
    ],
    IO_WRITE_OPS: [{ device: undefined, amount: 100 }],
  });
  expect(read("SWAP=0\n").limits).toEqual({ SWAP: 0 });
  for (const wrong of [
    ...["MEMORY=512MB", "MEMORY=0", "MEMORY=-1", "MEMORY=much", "NPROC=0", "NPROC=1.5", "CPU_WEIGHT=0"],
    ...["CPU_WEIGHT=10001", "CPU_MAX=150", "CPU_MAX=0%", "CPUSET=3-1", "CPUSET=a", 'IO_READ="1M 2M"', "IO_READ=../x=1"],
  ])
    expect(complaint(`\n${wrong}\n`)).toStartWith(`${file}:2:`);
});
