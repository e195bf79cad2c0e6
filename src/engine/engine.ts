/** The parts of an engine, as bin puts them together. A verb takes the ones it needs: `Pick<Engine, "content" | "images">`. */
import type { Monitors, Runtimes } from "../runtime/runtime.ts";
import type { Containers } from "./containers/containers.ts";
import type { Tasks } from "./containers/life.ts";
import type { Content } from "./content/content.ts";
import type { Events } from "./events/events.ts";
import type { GarbageCollector, Leases } from "./gc/gc.ts";
import type { Images } from "./images/images.ts";
import type { Networks } from "./networks/networks.ts";
import type { ServiceProxy } from "./networks/services.ts";
import type { Pods } from "./pods/pods.ts";
import type { Registries } from "./registry/registry.ts";
import type { EngineSettings } from "./settings.ts";
import type { Snapshotter } from "./snapshots/snapshotter.ts";
import type { Store } from "./store/store.ts";
import type { Unpacker } from "./unpack/unpack.ts";
import type { Volumes } from "./volumes/volumes.ts";

export interface Engine extends AsyncDisposable {
  readonly settings: EngineSettings;
  readonly store: Store;
  readonly content: Content;
  readonly leases: Leases;
  readonly gc: GarbageCollector;
  readonly snapshots: Snapshotter;
  readonly unpacker: Unpacker;
  readonly registries: Registries;
  readonly images: Images;
  readonly containers: Containers;
}

/** An engine that makes containers live: what the daemon has, and a command that works on a data root without one. */
export interface LiveEngine extends Engine {
  readonly runtimes: Runtimes;
  readonly monitors: Monitors;
  readonly events: Events;
  readonly networks: Networks;
  readonly services: ServiceProxy;
  readonly volumes: Volumes;
  readonly pods: Pods;
  readonly tasks: Tasks;
}
