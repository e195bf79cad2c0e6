import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf, type Digest } from "../../spec/image/digest.ts";
import { mediaTypes, type Descriptor, type Platform } from "../../spec/image/types.ts";
import type { Content } from "../content/content.ts";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import type { Images, NewImage } from "./images.ts";
import { openImages } from "./open.ts";

const descriptor = (seed: string, mediaType: string, platform?: Platform): Descriptor => ({
  mediaType,
  digest: digestOf(seed),
  size: 100,
  ...(platform ? { platform } : {}),
});

function image(
  seed: string,
  platforms: readonly Platform[] = [{ os: "linux", architecture: "amd64" }],
): NewImage {
  const parts = platforms.map((platform) => {
    const name = `${seed}/${platform.architecture}`;
    return {
      manifest: descriptor(`${name} manifest`, mediaTypes.ociManifest, platform),
      document: {
        schemaVersion: 2 as const,
        config: descriptor(`${name} config`, mediaTypes.ociConfig),
        layers: [
          descriptor("shared layer", mediaTypes.ociLayerGzip),
          descriptor(`${name} layer`, mediaTypes.ociLayer),
        ],
      },
      config: {
        ...platform,
        created: "2024-05-01T00:00:00Z",
        config: { Labels: { seed } },
        rootfs: { type: "layers" as const, diff_ids: [digestOf("shared"), digestOf(name)] },
      },
    };
  });
  const [first] = parts;
  const target =
    parts.length === 1 && first ? first.manifest : descriptor(`${seed} index`, mediaTypes.ociIndex);
  return { target, platforms: parts };
}

const linked: [Digest, readonly Digest[]][] = [];
const content = { link: (parent, children) => linked.push([parent, children]) } as Pick<
  Content,
  "link"
> as Content;

let store: Store;
let images: Images;
beforeEach(() => {
  store = openStore(mkdtempSync(join(tmpdir(), "sampan-images-")));
  images = openImages(store, content);
});
afterEach(() => {
  store[Symbol.dispose]();
  rmSync(store.root, { recursive: true });
});

function add(name: string, made: NewImage): Digest {
  images.put(made);
  images.name(name, made.target.digest);
  return made.target.digest;
}

describe("an image is found", () => {
  test("by any spelling of its name", () => {
    add("alpine", image("a"));
    for (const spelling of ["alpine", "alpine:latest", "docker.io/library/alpine", "library/alpine:latest"])
      expect(images.get(spelling).names).toEqual(["docker.io/library/alpine:latest"]);
    expect(images.find("alpine:3")).toBeUndefined();
    expect(() => images.get("alpine:3")).toThrow('cannot find image "alpine:3"');
  });
  test("by its id, the beginning of it, its manifest's digest and its repository's digest", () => {
    const target = add("quay.io/x/y:1", image("a"));
    images.addRepoDigest("quay.io/x/y", target);
    const { id } = images.get("quay.io/x/y:1");
    for (const spelling of [
      id,
      id.slice(7),
      id.slice(0, 10),
      id.slice(7, 19),
      target,
      `quay.io/x/y@${target}`,
    ])
      expect(images.get(spelling).id).toBe(id);
    expect(images.get(id).repoDigests).toEqual([`quay.io/x/y@${target}`]);
    expect(images.find(`quay.io/x/z@${target}`)).toBeUndefined();
  });
  test("not by the beginning of an id that fits several", () => {
    store.transaction(() => {
      for (let index = 0; index < 500; index += 1) add(`many:${index}`, image(`seed ${index}`));
    });
    const ids = images.list().map(({ id }) => id.slice(7, 10));
    const twice = ids.find((id, index) => ids.indexOf(id) !== index) ?? "";
    expect(() => images.get(twice)).toThrow("several ids begin so");
  });
  test("by its name before an id that begins so", () => {
    const { id } = images.get(add("first", image("a")));
    const prefix = id.slice(7, 12);
    add(prefix, image("b"));
    expect(images.get(prefix).names).toEqual([`docker.io/library/${prefix}:latest`]);
  });
});

describe("an index of several platforms", () => {
  const both = image("multi", [
    { os: "linux", architecture: "s390x" },
    { os: "linux", architecture: "arm64" },
  ]);
  test("is one record; the wanted platform is given, and what is there is named when it is not", () => {
    add("multi", both);
    expect(images.platforms("multi")).toHaveLength(2);
    expect(images.get("multi", { os: "linux", architecture: "arm64" }).platform.architecture).toBe("arm64");
    expect(() => images.get("multi", { os: "linux", architecture: "riscv64" })).toThrow(
      "it is here for linux/s390x, linux/arm64, wanted linux/riscv64",
    );
  });
  test("an id means its own platform", () => {
    add("multi", both);
    const arm = images.get("multi", { os: "linux", architecture: "arm64" });
    expect(images.get(arm.id).platform.architecture).toBe("arm64");
  });
  test("links the index to its manifests and these to their parts, for gc", () => {
    linked.length = 0;
    add("multi", both);
    expect(linked.map(([parent]) => parent)).toContain(both.target.digest);
    expect(linked).toHaveLength(4);
  });
});

test("a name moves from image to image, and the one that lost it stays without a name", () => {
  const old = add("app", image("old"));
  const fresh = add("app", image("new"));
  expect(images.get("app").target.digest).toBe(fresh);
  expect(images.get(old).names).toEqual([]);
  expect(images.unname("app")).toBe(true);
  expect(images.unname("app")).toBe(false);
  expect(images.list()).toHaveLength(2);
});

test("putting an image again changes nothing that can be seen", () => {
  add("app", image("a"));
  const before = JSON.stringify(images.list());
  images.put(image("a"));
  expect(JSON.stringify(images.list())).toBe(before);
});

test("a record goes with all names and repository digests, unless a container uses it", () => {
  const target = add("app", image("a"));
  images.name("app:2", target);
  images.addRepoDigest("docker.io/library/app", target);
  store.db.run(
    `INSERT INTO containers (id, name, image, image_id, target, manifest, snapshot, command, config, created, state)
     VALUES ('0123', 'web', 'app', '', '${target}', '', '', '[]', '{}', 0, 'created')`,
  );
  expect(() => images.remove(target)).toThrow('container "web" uses it');
  store.db.run("DELETE FROM containers");
  images.remove(target);
  expect(images.list()).toEqual([]);
  expect(images.find("app:2")).toBeUndefined();
});

function commit(key: string | undefined, bytes: number): void {
  store.db.run(
    `INSERT INTO snapshots (key, kind, driver, bytes, created) VALUES ('${key}', 'committed', 'overlayfs', ${bytes}, 0)`,
  );
}

test("the unpacked size is known only when each layer is unpacked", () => {
  const target = add("app", image("a"));
  const [low, high] = images.get(target).layers;
  commit(low?.chainId, 10);
  expect(images.get(target).unpackedSize).toBe(0);
  commit(high?.chainId, 5);
  expect(images.get(target).unpackedSize).toBe(15);
  expect(images.list()[0]?.unpackedSize).toBe(15);
});

test("a configuration that does not fit its manifest is not kept", () => {
  const [platform] = image("a").platforms;
  if (!platform) throw new Error("no platform");
  const config = { ...platform.config, rootfs: { type: "layers" as const, diff_ids: [] } };
  expect(() => images.put({ target: platform.manifest, platforms: [{ ...platform, config }] })).toThrow(
    "0 layers",
  );
  expect(images.list()).toEqual([]);
});
