/** `sampan completion`: scripts for shells. They ask this program, by the word `__complete`, so that they know its tables and names of containers and images. */
import { define } from "../command.ts";

const bash = `# bash completion of sampan: source <(sampan completion bash)
_sampan() {
  local line found
  found=$(sampan __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  COMPREPLY=()
  while IFS= read -r line; do
    [ -n "$line" ] && COMPREPLY+=("\${line%%$'\\t'*}")
  done <<< "$found"
  [ \${#COMPREPLY[@]} -eq 0 ] && compopt -o default
}
complete -F _sampan sampan
`;

const zsh = `#compdef sampan
# zsh completion of sampan: source <(sampan completion zsh)
_sampan() {
  local -a found
  local line
  while IFS= read -r line; do
    [[ -n "$line" ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done < <(sampan __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#found} )); then _describe sampan found; else _files; fi
}
compdef _sampan sampan
`;

const fish = `# fish completion of sampan: sampan completion fish | source
function __sampan_complete
  set -l words (commandline -opc) (commandline -ct)
  sampan __complete $words[2..-1] 2>/dev/null
end
complete -c sampan -f -a '(__sampan_complete)'
`;

const scripts = { bash, zsh, fish } as const;

export const command = define({
  summary: "Print a shell's completion script",
  usage: "bash|zsh|fish",
  flags: {},
  words: { least: 1, most: 1 },
  examples: [
    ["completion bash", "For: source <(sampan completion bash)"],
    ["completion fish", "For: sampan completion fish | source"],
  ],
  run: async ({ words: [shell = ""], out, err }) => {
    const script = Object.hasOwn(scripts, shell) ? scripts[shell as keyof typeof scripts] : undefined;
    if (script === undefined) {
      await err.write(
        `Error: there is no completion for this shell; wanted ${Object.keys(scripts).join(", ")}\n`,
      );
      return 1;
    }
    await out.write(script);
    return 0;
  },
});
