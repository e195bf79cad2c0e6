/** The engine's verbs that write, by name, for programs that are cut or killed. */
import { createContainer } from "../../src/engine/containers/create.ts";
import { removeContainer } from "../../src/engine/containers/remove.ts";
import { commit } from "../../src/engine/images/commit.ts";
import { importArchive } from "../../src/engine/images/import.ts";
import { load } from "../../src/engine/images/load.ts";
import { pruneImages } from "../../src/engine/images/prune.ts";
import { pull } from "../../src/engine/images/pull.ts";
import { removeImage } from "../../src/engine/images/remove.ts";
import { liveOf } from "../containers/live.ts";
import { createOf } from "../containers/request.ts";
import type { SmallEngine } from "./_engine.ts";

export const verbs: Readonly<Record<string, (engine: SmallEngine, ...args: string[]) => Promise<unknown>>> = {
  pull: (engine, reference = "") => pull(engine, reference),
  remove: (engine, reference = "") => removeImage(engine, reference),
  collect: (engine) => engine.gc.collect(undefined, { ingests: "all" }),
  prune: (engine) => pruneImages(engine, { all: true }),
  load: (engine, file = "") => load(engine, streamOf(file)),
  import: (engine, file = "", reference = "") => importArchive(engine, streamOf(file), { reference, now }),
  commit: (engine, container = "", reference = "") => commit(engine, container, { reference, now }),
  create: (engine, image = "", name = "") =>
    createContainer(engine, createOf({ image, name, command: ["/bin/tool"] })),
  "remove-container": (engine, name = "") => removeContainer(liveOf(engine), name),
};

/** The same for all: what is made then has the same digest each time. */
const now = new Date("2026-01-01");

const streamOf = (file: string): AsyncIterable<Uint8Array> => Bun.file(file).stream();
