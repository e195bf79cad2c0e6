/**
 * An engine and what it is made of. What a verb does not use costs nothing: helper processes start with their first task, and the registry client is loaded
 * when a registry is first asked.
 */
import { join } from "node:path";
import { openContainers } from "../engine/containers/open.ts";
import { openContent } from "../engine/content/open.ts";
import type { Engine } from "../engine/engine.ts";
import { openCollector } from "../engine/gc/collect.ts";
import { openLeases } from "../engine/gc/leases.ts";
import { openImages } from "../engine/images/open.ts";
import type { Registries } from "../engine/registry/registry.ts";
import type { EngineSettings } from "../engine/settings.ts";
import { openSnapshotter } from "../engine/snapshots/open.ts";
import { openStore } from "../engine/store/open.ts";
import { openUnpacker } from "../engine/unpack/open.ts";

export async function openEngine(settings: EngineSettings): Promise<Engine> {
  await using stack = new AsyncDisposableStack();
  const store = stack.use(openStore(settings.root));
  const unpacker = stack.use(openUnpacker({ command: helperCommand() }));
  const content = openContent(store, unpacker);
  const snapshots = await openSnapshotter(settings.snapshotter, store, unpacker);
  let registries: Registries | undefined;
  const parts = stack.move();
  return {
    settings,
    store,
    content,
    leases: openLeases(store),
    gc: openCollector({ store, snapshots }),
    snapshots,
    unpacker,
    get registries() {
      return (registries ??= loadRegistries(settings));
    },
    images: openImages(store, content),
    containers: openContainers(store),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

function loadRegistries(settings: EngineSettings): Registries {
  const { openRegistries } =
    require("../engine/registry/open.ts") as typeof import("../engine/registry/open.ts");
  const { dockerConfigFolder } =
    require("../engine/registry/docker-config.ts") as typeof import("../engine/registry/docker-config.ts");
  return openRegistries(settings.registries, { dockerConfig: dockerConfigFolder(process.env) });
}

/** This program again, as the unpacker's helper: the executable itself, or Bun with the program's source. */
function helperCommand(): string[] {
  const compiled = import.meta.dir.startsWith("/$bunfs/");
  return compiled
    ? [process.execPath, "unpack-worker"]
    : [process.execPath, join(import.meta.dir, "sampan.ts"), "unpack-worker"];
}
