/**
 * What podman and dockerd have in common: docker's command line. A test gets an engine that is ready, with one image in it; every container
 * that it makes is removed with its `Box`.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { output, ran, type Ran, type RanOptions } from "./_ran.ts";

export interface Engine extends AsyncDisposable {
  readonly name: "podman" | "dockerd";
  /** Name of the busybox image. */
  readonly image: string;
  /** Where the runtime keeps the containers' folders, and where they are told in the engine. */
  readonly stateFolder: string;
  /** The whole command for docker's words. */
  command(...words: string[]): string[];
  readonly env: Readonly<Record<string, string>>;
  /** Where its commands run. */
  readonly cwd: string;
  /** Whether it was told that the container ran out of memory. */
  wasOutOfMemory(name: string): Promise<boolean>;
}

export function placeOf({ env, cwd }: Engine): RanOptions {
  return { env, cwd };
}

export function call(engine: Engine, words: readonly string[], options: RanOptions = {}): Promise<Ran> {
  return ran(engine.command(...words), { ...placeOf(engine), ...options });
}

/** `run --rm` in the foreground, without a network. */
export function runOnce(
  engine: Engine,
  flags: readonly string[],
  argv: readonly string[],
  options: RanOptions = {},
): Promise<Ran> {
  return call(engine, ["run", "--rm", "--network", "none", ...flags, engine.image, ...argv], options);
}

/** The standard output of `run --rm` of a shell script that must end well. */
export async function printedBy(engine: Engine, flags: readonly string[], script: string): Promise<string> {
  const words = ["run", "--rm", "--network", "none", ...flags, engine.image, "sh", "-c", script];
  return output(engine.command(...words), placeOf(engine));
}

/** Never ends by itself, and ends at once when asked to: a shell as pid 1 sees only signals that it has a handler for. */
export const waiting = "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done";

let count = 0;

/** A container by name, which need not be there. */
export class Box implements AsyncDisposable {
  readonly name = `box${++count}-${process.pid}`;
  readonly engine: Engine;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** `VERB … NAME …`, for verbs that take flags before the name. */
  call(verb: string, flags: readonly string[] = [], rest: readonly string[] = []): Promise<Ran> {
    return call(this.engine, [verb, ...flags, this.name, ...rest]);
  }

  /** The same; throws where it ends badly. */
  async output(verb: string, flags: readonly string[] = [], rest: readonly string[] = []): Promise<string> {
    return output(this.engine.command(verb, ...flags, this.name, ...rest), placeOf(this.engine));
  }

  /** `run --detach` of a shell script. */
  async start(flags: readonly string[] = [], script: string = waiting): Promise<void> {
    const { engine, name } = this;
    const words = [
      "run",
      "--detach",
      "--network",
      "none",
      "--name",
      name,
      ...flags,
      engine.image,
      "sh",
      "-c",
      script,
    ];
    await output(engine.command(...words), placeOf(engine));
  }

  exec(script: string, flags: readonly string[] = []): Promise<Ran> {
    return call(this.engine, ["exec", ...flags, this.name, "sh", "-c", script]);
  }

  /** A field of `inspect`, as a Go template without its braces. */
  async inspect(field: string): Promise<string> {
    return (await this.output("inspect", ["--type", "container", "--format", `{{${field}}}`])).trim();
  }

  /** The exit code, once the container has ended. */
  async wait(): Promise<number> {
    return Number((await this.output("wait")).trim());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.call("rm", ["--force"]);
  }
}

export async function started(engine: Engine, flags: readonly string[] = [], script?: string): Promise<Box> {
  const box = new Box(engine);
  await box.start(flags, script);
  return box;
}

/** Whether the runtime has a folder for a container, by the engine's id of it. */
export function runtimeKnows(engine: Engine, id: string): boolean {
  return existsSync(join(engine.stateFolder, id));
}
