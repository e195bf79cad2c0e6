import { Copies } from "../../src/engine/snapshots/copy.ts";
import { work } from "./place.ts";
import { snapshotterSuite } from "./snapshotter.suite.ts";

snapshotterSuite("copy", ({ store }) => new Copies(store, work));
