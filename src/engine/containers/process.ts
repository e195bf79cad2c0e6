/** What a container runs and with which environment, by Docker's rules. Pure. */
import { invalid } from "../../base/errors.ts";
import type { ImageConfigRun } from "../../spec/image/types.ts";
import type { ContainerRequest } from "./request.ts";

/**
 * A new entry point takes the image's command away; words of the caller replace the image's command. An entry point of one empty word is none.
 * Errors: `invalid_argument` when nothing is left to run.
 */
export function processArguments(
  request: Pick<ContainerRequest, "entrypoint" | "command" | "image">,
  image: ImageConfigRun,
): string[] {
  const { entrypoint, command } = processWords(request, image);
  const words = [...entrypoint, ...command];
  if (words.length === 0)
    throw invalid(
      `cannot run image "${request.image}": it has neither an entry point nor a command, and none was given`,
    );
  if (words.some((word) => word.includes("\0")))
    throw invalid(`cannot run image "${request.image}": its command holds a NUL byte`);
  return words;
}

/** The two halves of what it runs. */
export function processWords(
  request: Pick<ContainerRequest, "entrypoint" | "command">,
  image: ImageConfigRun,
): { entrypoint: readonly string[]; command: readonly string[] } {
  const own = request.entrypoint;
  const entrypoint = own?.length === 1 && own[0] === "" ? [] : (own ?? image.Entrypoint ?? []);
  const command = request.command.length > 0 || own !== undefined ? request.command : (image.Cmd ?? []);
  return { entrypoint, command };
}

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface EnvironmentInput {
  readonly request: Pick<ContainerRequest, "env" | "terminal">;
  readonly image: ImageConfigRun;
  readonly hostname: string;
  readonly home: string;
}

/** Ours, then the image's, then the caller's: of one name the last is taken. A word without `=` takes the name away. */
export function processEnvironment({ request, image, hostname, home }: EnvironmentInput): string[] {
  const ours = [
    defaultPath,
    `HOSTNAME=${hostname}`,
    ...(request.terminal ? ["TERM=xterm"] : []),
    `HOME=${home}`,
  ];
  return mergedEnvironment([...ours, ...(image.Env ?? []), ...request.env]);
}

/** Errors: `invalid_argument`. */
export function mergedEnvironment(words: readonly string[]): string[] {
  const found = new Map<string, string>();
  for (const word of words) {
    const at = word.indexOf("=");
    if (at === 0 || word.includes("\0"))
      throw invalid(
        `cannot set environment variable "${word.slice(0, 150)}": wanted NAME=value without NUL bytes`,
      );
    if (at < 0) found.delete(word);
    else found.set(word.slice(0, at), word);
  }
  return [...found.values()];
}
