/** A process of its own on another's Place: `runner.ts FOLDER run ID`, `… create NAME`, `… remove ID`. It makes the file `begun` when it begins. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createContainer } from "../../src/engine/containers/create.ts";
import { removeContainer } from "../../src/engine/containers/foreground-remove.ts";
import { runContainer } from "../../src/engine/containers/run.ts";
import { partsAt, runtime } from "./place.ts";
import { createOf } from "./request.ts";

const [folder = "", verb = "", thing = ""] = process.argv.slice(2);
const parts = partsAt(folder);

const verbs: Readonly<Record<string, () => Promise<unknown>>> = {
  run: () =>
    runContainer(parts, parts.containers.get(thing), { runtime, stdio: ["ignore", "ignore", "ignore"] }),
  create: () =>
    createContainer(parts, createOf({ name: thing, command: ["true"], volumes: ["/own"], remove: true })),
  remove: () => removeContainer(parts, thing, { runtime, volumes: true }),
};
writeFileSync(join(folder, "begun"), "");
const status = await verbs[verb]?.();
process.exit(typeof status === "number" ? status : 0);
