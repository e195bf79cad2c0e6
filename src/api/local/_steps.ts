/** The engine's progress in the words of docker's progress stream. */
import type { OnProgress, Progress } from "../../engine/images/images.ts";
import { parseReference } from "../../spec/image/reference.ts";
import type { LongCall, Step } from "../../spec/docker/progress.ts";

type LayerStep = Extract<Progress, { kind: "layer" }>["step"];

const words: Readonly<Record<"pull" | "push", Readonly<Record<LayerStep, string>>>> = {
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
};

const counted: ReadonlySet<LayerStep> = new Set(["downloading", "unpacking", "uploading"]);

export function stepOf(event: Progress, verb: "pull" | "push"): Step {
  if (event.kind === "resolving" && verb === "pull") return { status: pullingFrom(event.text) };
  if (event.kind !== "layer") return { status: event.text };
  const status = words[verb][event.step];
  const id = event.digest.replace(/^\w+:/, "").slice(0, 12);
  return counted.has(event.step) ? { id, status, current: event.done, total: event.total } : { id, status };
}

/** `latest: Pulling from library/alpine`. */
function pullingFrom(name: string): string {
  const { tag, digest, repository } = parseReference(name);
  return `${tag ?? digest ?? ""}: Pulling from ${repository}`;
}

/** The options of a long verb of the engine, from those of a client's call. */
export function longOptions(
  { signal, onStep }: LongCall,
  verb: "pull" | "push" = "pull",
): { signal?: AbortSignal; onProgress?: OnProgress } {
  return {
    ...(signal ? { signal } : {}),
    ...(onStep ? { onProgress: (event: Progress) => onStep(stepOf(event, verb)) } : {}),
  };
}
