/** Runs one container of a Place of another process: `runner.ts FOLDER ID`. */
import { join } from "node:path";
import { openContainers } from "../../src/engine/containers/open.ts";
import { runContainer } from "../../src/engine/containers/run.ts";
import { Overlayfs } from "../../src/engine/snapshots/overlayfs.ts";
import { openStore } from "../../src/engine/store/open.ts";
import { work } from "../snapshots/place.ts";
import { runtime } from "./place.ts";

const [folder = "", id = ""] = process.argv.slice(2);
const store = openStore(join(folder, "data"));
const containers = openContainers(store);
const parts = {
  store,
  containers,
  settings: { root: store.root, state: join(folder, "state") },
  snapshots: new Overlayfs(store, work, { mapsIds: true }),
  unpacker: work,
};
process.exit(
  await runContainer(parts as never, containers.get(id), { runtime, stdio: ["ignore", "ignore", "ignore"] }),
);
