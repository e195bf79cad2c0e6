/** The engine's progress as lines of docker's progress stream. */
import type { Progress } from "../../../engine/images/images.ts";
import { parseReference } from "../../../spec/image/reference.ts";
import type { Line } from "../answer.ts";

type LayerStep = Extract<Progress, { kind: "layer" }>["step"];

const words: Readonly<Record<"pull" | "push" | "load", Readonly<Record<LayerStep, string>>>> = {
  pull: {
    waiting: "Pulling fs layer",
    downloading: "Downloading",
    unpacking: "Extracting",
    uploading: "Uploading",
    exists: "Already exists",
    done: "Pull complete",
  },
  push: {
    waiting: "Preparing",
    downloading: "Fetching",
    unpacking: "Reading",
    uploading: "Pushing",
    exists: "Layer already exists",
    done: "Pushed",
  },
  load: {
    waiting: "Waiting",
    downloading: "Reading",
    unpacking: "Loading layer",
    uploading: "Loading layer",
    exists: "Already exists",
    done: "Loaded layer",
  },
};

const counted: ReadonlySet<LayerStep> = new Set(["downloading", "unpacking", "uploading"]);

export type Words = keyof typeof words;

export function progressLine(event: Progress, verb: Words): Line {
  if (event.kind === "resolving" && verb === "pull") return pullingFrom(event.text);
  if (event.kind !== "layer") return { status: event.text };
  const id = event.digest.replace(/^\w+:/, "").slice(0, 12);
  const progressDetail = counted.has(event.step) ? { current: event.done, total: event.total } : {};
  return { status: words[verb][event.step], progressDetail, id };
}

function pullingFrom(name: string): Line {
  const { tag, digest, repository } = parseReference(name);
  return { status: `Pulling from ${repository}`, id: digest ?? tag ?? "" };
}

/**
 * Progress comes quicker than a slow client reads: a count that a later one of the same layer outdates is not sent. The first line waits until there is a second,
 * so that an image that is not there is a status and not a line.
 */
export class ProgressLines {
  readonly #line: (line: Line) => Promise<void>;
  readonly #words: Words;
  #waiting: Line[] = [];
  #sending: Promise<void> | undefined;

  constructor(line: (line: Line) => Promise<void>, words: Words) {
    this.#line = line;
    this.#words = words;
  }

  readonly onProgress = (event: Progress): void => {
    const line = progressLine(event, this.#words);
    const outdated = this.#waiting.findIndex(
      ({ id, status }) => id !== undefined && id === line["id"] && status === line["status"],
    );
    if (outdated >= 0) this.#waiting[outdated] = line;
    else this.#waiting.push(line);
    if (event.kind !== "resolving") this.#start();
  };

  /** After it all is sent. Errors: that the client has gone. */
  async flush(): Promise<void> {
    this.#start();
    await this.#sending;
  }

  #start(): void {
    this.#sending ??= this.#send().finally(() => (this.#sending = undefined));
    // Whoever flushes hears of it; the verb hears of a client that has gone by its signal.
    this.#sending.catch(() => {});
  }

  async #send(): Promise<void> {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) await this.#line(next);
  }
}
