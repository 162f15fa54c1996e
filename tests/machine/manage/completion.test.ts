/** bash, zsh and fish complete our command lines: servers by name, subcommands, options, keys. */
import { beforeAll, expect, test } from "bun:test";
import { makeSmall, run } from "../small.ts";

const quoted = (word: string) => `'${word}'`;

/** What bash would offer after these words, the last one being typed. */
const bash = (...line: string[]): string[] => {
  const script = `. /usr/share/bash-completion/completions/vserver
    compopt() { :; }; COMP_WORDS=(${line.map(quoted).join(" ")}); COMP_CWORD=${line.length - 1}
    _vserver_tools; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return run("bash", "-c", script).out.split("\n").filter(Boolean).sort();
};
const fish = (line: string): string[] =>
  run("fish", "--no-config", "-c", `source /usr/share/fish/vendor_conf.d/vserver.fish; complete -C '${line}'`)
    .out.split("\n")
    .filter(Boolean)
    .sort();

beforeAll(() => {
  makeSmall("tabby");
  makeSmall("tabular");
});

test("servers by name, subcommands, their options, keys of the conf file", () => {
  expect(bash("vserver", "tab")).toEqual(["tabby", "tabular"]);
  expect(bash("vexec", "tabb")).toEqual(["tabby"]);
  expect(bash("vserver", "tabby", "st")).toEqual(["start", "status", "stop"]);
  expect(bash("vserver", "tabby", "config", "set", "S_NI")).toEqual(["S_NICE="]);
  expect(bash("vserver", "tabby", "build", "--method", "deb")).toEqual(["debootstrap"]);
  expect(bash("vserver", "tabby", "delete", "--y")).toEqual(["--yes"]);
  expect(bash("vservers", "re")).toEqual(["reload", "restart"]);
});

test("fish and zsh offer the same", () => {
  expect(fish("vserver tab")).toEqual(["tabby", "tabular"]);
  expect(fish("vserver tabby st")).toEqual(["start", "status", "stop"]);
  // With none of the functions for other programs: to read them all takes a minute here.
  const functions = `/usr/share/zsh/vendor-completions \${(M)fpath:#*/Completion(|/Base)}`;
  const typed = `zmodload zsh/zpty; zpty z zsh -f -i
    zpty -w z 'autoload -U compinit; fpath=(${functions}); compinit -u -D;'
    zpty -w z 'vserver tabu'$'\\t'' sto'$'\\t'
    until [[ $out == *Stopping* ]]; do sleep 0.1; zpty -r -t z more && out+=$more; done; print -r -- "$out"`;
  expect(run("zsh", "-f", "-c", typed).out).toContain("Stopping the virtual server tabular");
});

test("what only our own tools call is not offered", () => {
  expect(bash("vserver", "tabby", "")).not.toContain("receive");
  expect(bash("vserver", "tabby", "")).not.toContain("yield");
});
