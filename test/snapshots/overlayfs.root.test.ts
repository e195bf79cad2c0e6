import { Overlayfs } from "../../src/engine/snapshots/overlayfs.ts";
import { work } from "./place.ts";
import { snapshotterSuite } from "./snapshotter.suite.ts";

snapshotterSuite("overlayfs", ({ store }) => new Overlayfs(store, work, { mapsIds: true }));
snapshotterSuite(
  "overlayfs without mapped mounts",
  ({ store }) => new Overlayfs(store, work, { mapsIds: false }),
);
