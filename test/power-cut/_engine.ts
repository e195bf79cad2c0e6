/** An engine on a data root, with a registry that is given up on quickly. */
import type { Engine } from "../../src/engine/engine.ts";
import { openContainers } from "../../src/engine/containers/open.ts";
import { openContent } from "../../src/engine/content/open.ts";
import { openCollector } from "../../src/engine/gc/collect.ts";
import { openLeases } from "../../src/engine/gc/leases.ts";
import { openImages } from "../../src/engine/images/open.ts";
import { openRegistries } from "../../src/engine/registry/open.ts";
import { readEngineSettings } from "../../src/engine/settings-file.ts";
import { Overlayfs } from "../../src/engine/snapshots/overlayfs.ts";
import { openSnapshotter } from "../../src/engine/snapshots/open.ts";
import { openStore } from "../../src/engine/store/open.ts";
import { openUnpacker } from "../../src/engine/unpack/open.ts";

export type SmallEngine = Engine;

const worker = new URL("./_worker.ts", import.meta.url).pathname;

/** `unprobed`: overlayfs without a look at what the kernel can do, which costs some mounts. */
export async function openSmallEngine(
  root: string,
  choice: "auto" | "overlayfs" | "copy" | "unprobed" = "auto",
): Promise<SmallEngine> {
  const snapshotter = choice === "unprobed" ? "overlayfs" : choice;
  const settings = readEngineSettings({
    root,
    state: `${root}.state`,
    snapshotter,
    config: "/dev/null",
    env: {},
  });
  const store = openStore(root);
  const unpacker = openUnpacker({ command: [process.execPath, worker] });
  try {
    const snapshots =
      choice === "unprobed"
        ? new Overlayfs(store, unpacker, { mapsIds: false })
        : await openSnapshotter(settings.snapshotter, store, unpacker);
    const content = openContent(store, unpacker);
    const leases = openLeases(store);
    return {
      settings,
      store,
      content,
      leases,
      snapshots,
      unpacker,
      gc: openCollector({ store, content, leases, snapshots }),
      registries: openRegistries(settings.registries, {
        dockerConfig: "/nowhere",
        patience: { head: 400, idle: 300, tries: 3, pause: 1 },
      }),
      images: openImages(store, content),
      containers: openContainers(store),
      [Symbol.asyncDispose]: async () => {
        await unpacker[Symbol.asyncDispose]();
        store[Symbol.dispose]();
      },
    };
  } catch (error) {
    await unpacker[Symbol.asyncDispose]();
    store[Symbol.dispose]();
    throw error;
  }
}
