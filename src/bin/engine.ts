/**
 * An engine and what it is made of. What a verb does not use costs nothing: helper processes start with their first task, and the registry client is loaded
 * when a registry is first asked.
 */
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
import { programCommand } from "./program.ts";

export async function openEngine(settings: EngineSettings): Promise<Engine> {
  await using stack = new AsyncDisposableStack();
  const store = stack.use(openStore(settings.root));
  const unpacker = stack.use(openUnpacker({ command: programCommand("unpack-worker") }));
  const content = openContent(store, unpacker);
  const snapshots = await openSnapshotter(settings.snapshotter, store, unpacker);
  let registries:
    (Pick<EngineSettings, "registries" | "hostsDirs"> & { readonly client: Registries }) | undefined;
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
      // A daemon that reads its settings again gets a new one.
      const { registries: of, hostsDirs } = settings;
      if (registries?.registries !== of || registries.hostsDirs !== hostsDirs)
        registries = { registries: of, hostsDirs, client: loadRegistries(settings) };
      return registries.client;
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
  const dockerConfig = dockerConfigFolder(process.env);
  return openRegistries(settings.registries, { dockerConfig, hosts: settings.hostsDirs });
}
