/** The exit code of a container whose program could not be started: as shells and docker have it. Pure. */

const reasons = [
  {
    code: 127,
    words: /executable file not found|no such file or directory|system cannot find the file specified/i,
  },
  { code: 126, words: /permission denied|is a directory|exec format error|not a directory/i },
] as const;

export function startCode({ message }: Pick<Error, "message">): number {
  return reasons.find(({ words }) => words.test(message))?.code ?? 128;
}
