/** What a container runs and with which environment, by Docker's rules. Pure. */
import { invalid } from "../../base/errors.ts";
import type { ImageConfigRun } from "../../spec/image/types.ts";
import type { CreateBody } from "../../spec/docker/create.ts";

/**
 * A new entry point takes the image's command away; words of the caller replace the image's command. An entry point of one empty word is none.
 * Errors: `invalid_argument` when nothing is left to run.
 */
export function processArguments(
  body: Pick<CreateBody, "Entrypoint" | "Cmd" | "Image">,
  image: ImageConfigRun,
): string[] {
  const { entrypoint, command } = processWords(body, image);
  const words = [...entrypoint, ...command];
  if (words.length === 0)
    throw invalid(
      `cannot run image "${body.Image ?? ""}": it has neither an entry point nor a command, and none was given`,
    );
  if (words.some((word) => word.includes("\0")))
    throw invalid(`cannot run image "${body.Image ?? ""}": its command holds a NUL byte`);
  return words;
}

/** The two halves of what it runs. */
export function processWords(
  { Entrypoint: own, Cmd }: Pick<CreateBody, "Entrypoint" | "Cmd">,
  image: ImageConfigRun,
): { entrypoint: readonly string[]; command: readonly string[] } {
  const entrypoint = own?.length === 1 && own[0] === "" ? [] : (own ?? image.Entrypoint ?? []);
  const command = Cmd?.length || own?.length ? (Cmd ?? []) : (image.Cmd ?? []);
  return { entrypoint, command };
}

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface EnvironmentInput {
  readonly body: Pick<CreateBody, "Env" | "Tty">;
  readonly image: ImageConfigRun;
  readonly hostname: string;
  readonly home: string;
  /** Of devices; the caller's go over them. */
  readonly more?: readonly string[];
}

/** Ours, then the image's, then the caller's: of one name the last is taken. A word without `=` takes the name away. */
export function processEnvironment({ body, image, hostname, home, more = [] }: EnvironmentInput): string[] {
  const ours = [defaultPath, `HOSTNAME=${hostname}`, ...(body.Tty ? ["TERM=xterm"] : []), `HOME=${home}`];
  return mergedEnvironment([...ours, ...(image.Env ?? []), ...more, ...(body.Env ?? [])]);
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
