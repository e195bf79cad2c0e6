import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { openEngine } from "../../src/bin/engine.ts";
import { exportContainer } from "../../src/engine/containers/export.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { commit } from "../../src/engine/images/commit.ts";
import { load } from "../../src/engine/images/load.ts";
import { readEngineSettings } from "../../src/engine/settings-file.ts";
import { busyboxImage } from "../cli/_program.ts";
import { liveOf, runToEnd } from "../containers/live.ts";
import { needing } from "../needs.ts";
import { blobsOf, collect, container, inPieces, layout, type Snapshotter } from "./_engine.ts";
import { scratch } from "./_trees.ts";

const { test } = needing({ root: true, files: ["build/launcher", "/bin/busybox"] });

async function engineWithBox(path: string, snapshotter: Snapshotter): Promise<Engine> {
  const settings = readEngineSettings({ root: `${path}/data`, snapshotter, config: "/dev/null", env: {} });
  const engine = await openEngine({ ...settings, state: `${path}/state` });
  const image = await busyboxImage();
  const annotations = { "io.containerd.image.name": "docker.io/library/box:1" };
  const index = { schemaVersion: 2, manifests: [{ ...image.manifest.descriptor, annotations }] };
  await load(engine, inPieces(layout(index, blobsOf(image))));
  return engine;
}

function namesIn(archive: Uint8Array): string[] {
  const { stdout } = Bun.spawnSync(["tar", "-t"], { stdin: archive, timeout: 60_000 });
  return stdout
    .toString()
    .split("\n")
    .filter((name) => name !== "" && name !== "./");
}

/** Names in the layer that a commit of a container of `box` adds, which ran `script`. */
async function changed(engine: Engine, script: string, volumes: readonly string[]): Promise<string[]> {
  const made = await container(engine, "box:1", { command: ["sh", "-c", script], volumes });
  const live = liveOf(engine);
  await using _tasks = live.tasks;
  expect((await runToEnd(live, made.id)).status).toBe(0);
  const all = namesIn(await collect(exportContainer(engine, made.name)));
  expect(all).toContain("etc/hosts");
  const id = await commit(engine, made.name, {});
  const layer = engine.images.get(id).layers.at(-1)?.descriptor.digest;
  return namesIn(gunzipSync(await Bun.file(await engine.content.open(layer as never)).bytes()));
}

test("a commit holds no places of mounts, an export does: overlayfs", async () => {
  using place = scratch();
  await using engine = await engineWithBox(place.path, "overlayfs");
  expect(await changed(engine, "true", ["/own/deep", `${place.path}/host:/made`])).toEqual([]);
  const wrote = await changed(engine, "echo 1 > /etc/mine; echo 1 > /own/kept; echo > /new", ["/own/deep"]);
  expect(wrote).toEqual(["etc/", "etc/mine", "new", "own/", "own/kept"]);
  expect(existsSync(`${place.path}/host`)).toBe(true);
});

test("a commit holds no places of mounts: copy", async () => {
  using place = scratch();
  await using engine = await engineWithBox(place.path, "copy");
  // Its time is another, and here nothing tells that it is only for what was made in it.
  expect(await changed(engine, "true", ["/own/deep"])).toEqual(["etc/"]);
  expect(await changed(engine, "echo 1 > /etc/mine", [])).toEqual(["etc/", "etc/mine"]);
});
