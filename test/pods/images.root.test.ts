/** Images as volumes of pods. */
import { expect } from "bun:test";
import { load } from "../../src/engine/images/load.ts";
import type { Mount } from "../../src/spec/docker/create.ts";
import { makeImage } from "../images/image.ts";
import { tar } from "../images/tar.ts";
import { needing } from "../needs.ts";
import { needs, World } from "./_world.ts";

const { test } = needing(needs);

const ranges = [{ containerID: 0, hostID: 300_000, size: 65_536 }];
const userns = { uids: ranges, gids: ranges };

/** Two layers, so that an overlay shows it, or one, which is bound; with links that point at its own root and out of it. */
async function* artifact(name: string, layers: number): AsyncGenerator<Uint8Array> {
  const image = makeImage({
    format: "docker",
    layers: [
      [
        { name: "models/", type: "directory" as const, mode: 0o755 },
        { name: "models/small", content: "weights", mode: 0o600 },
        { name: "absolute", type: "symlink" as const, target: "/models" },
        { name: "out", type: "symlink" as const, target: "../../../../../etc" },
      ],
      [{ name: "second", content: "2", mode: 0o644 }],
    ].slice(0, layers),
    config: {},
  });
  const files = image.layers.map(({ descriptor }) => `${descriptor.digest.slice(7)}.tar`);
  yield await Promise.resolve(
    tar([
      {
        name: "manifest.json",
        content: JSON.stringify([{ Config: "config.json", RepoTags: [name], Layers: files }]),
      },
      { name: "config.json", content: image.config.bytes },
      ...image.layers.map(({ bytes }, at) => ({ name: files[at] ?? "", content: bytes })),
    ]),
  );
}

const imageMount = (Source: string, Subpath?: string): Mount => ({
  Type: "image",
  Source,
  Target: "/art",
  ...(Subpath !== undefined && { ImageOptions: { Subpath } }),
});

test.each([
  [1, {}],
  [2, {}],
  [1, { userns }],
  [2, { userns }],
])("an image of %d layers is a volume of the pod's own root: pod %j", async (layers, more) => {
  await using world = await World.open();
  const name = `docker.io/library/artifact:${layers}`;
  await load(world.engine, artifact(name, layers));
  const { id } = await world.pod({ network: "none", ...more });
  const said = await world.run(id, "cat /art/models/small; stat -c ' %u' /art/models; touch /art/x", {
    Mounts: [imageMount(name)],
  });
  expect(said).toBe("weights 0\ntouch: /art/x: Read-only file system\n");
});

test("an image is never what /proc is (CVE-2019-16884)", async () => {
  await using world = await World.open();
  const name = "docker.io/library/artifact:1";
  await load(world.engine, artifact(name, 1));
  const { id } = await world.pod({ network: "none" });
  for (const Target of ["/proc", "/proc/self/attr"]) {
    const refused = world.run(id, "true", { Mounts: [{ Type: "image", Source: name, Target }] });
    expect(await refused.then(() => "", String)).toContain("cannot");
  }
});

test("a part of an image is found below its own root, wherever its links point", async () => {
  await using world = await World.open();
  const name = "docker.io/library/artifact:2";
  await load(world.engine, artifact(name, 2));
  const { id } = await world.pod({ network: "none" });
  for (const part of ["models", "absolute"])
    expect(await world.run(id, "cat /art/small", { Mounts: [imageMount(name, part)] })).toBe("weights");
  expect(await world.run(id, "cat /art", { Mounts: [imageMount(name, "models/small")] })).toBe("weights");
  const refusals: string[] = [];
  for (const part of ["out", "nothing", "models/../../etc", "/models"])
    await world.run(id, "true", { Mounts: [imageMount(name, part)] }).catch((error: unknown) => {
      refusals.push(String(error));
    });
  expect(refusals).toEqual([
    expect.stringContaining("it is not there, or leads out"),
    expect.stringContaining("it is not there, or leads out"),
    expect.stringContaining("is not a relative path"),
    expect.stringContaining("is not a relative path"),
  ]);
});
