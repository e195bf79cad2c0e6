/** An engine's parts on a data root of the test's own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openContent } from "../../src/engine/content/open.ts";
import { openCollector } from "../../src/engine/gc/collect.ts";
import { openLeases } from "../../src/engine/gc/leases.ts";
import { openImages } from "../../src/engine/images/open.ts";
import type { PullParts } from "../../src/engine/images/pull.ts";
import { openRegistries } from "../../src/engine/registry/open.ts";
import { readEngineSettings } from "../../src/engine/settings-file.ts";
import type { EngineSettings } from "../../src/engine/settings.ts";
import { openSnapshotter } from "../../src/engine/snapshots/open.ts";
import { openStore } from "../../src/engine/store/open.ts";
import { openUnpacker } from "../../src/engine/unpack/open.ts";
import type { Engine } from "../../src/engine/engine.ts";

export type TestEngine = PullParts & Pick<Engine, "gc"> & AsyncDisposable & { readonly root: string };

const program = join(import.meta.dir, "../../src/bin/sampan.ts");

/** On `root`, which stays; or on a root of its own, which goes with it. */
export async function testEngine(change: Partial<EngineSettings> = {}, root?: string): Promise<TestEngine> {
  const place = root ?? mkdtempSync(join(tmpdir(), "sampan-pull-"));
  const defaults = readEngineSettings({ config: "/nonexistent", env: {}, uid: 0, root: place });
  const settings = { ...defaults, ...change };
  const store = openStore(place);
  const unpacker = openUnpacker({ command: [process.execPath, program, "unpack-worker"] });
  const content = openContent(store, unpacker);
  const leases = openLeases(store);
  const snapshots = await openSnapshotter(settings.snapshotter, store, unpacker);
  return {
    root: place,
    settings,
    store,
    content,
    leases,
    snapshots,
    unpacker,
    registries: openRegistries(settings.registries, { dockerConfig: join(place, "no-config") }),
    images: openImages(store, content),
    gc: openCollector({ store, snapshots }),
    [Symbol.asyncDispose]: async () => {
      await unpacker[Symbol.asyncDispose]();
      store[Symbol.dispose]();
      if (root === undefined) rmSync(place, { recursive: true });
    },
  };
}
