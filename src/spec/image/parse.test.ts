import { describe, expect, test } from "bun:test";
import { SampanError } from "../../base/errors.ts";
import { layerFormat } from "./layers.ts";
import { parseConfig, parseDocument, parseIndex, parseManifest } from "./parse.ts";
import { mediaTypes } from "./types.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const layer = (digit: string) => ({ mediaType: mediaTypes.ociLayerGzip, digest: digest(digit), size: 10 });
const manifest = {
  schemaVersion: 2,
  mediaType: mediaTypes.ociManifest,
  config: { mediaType: mediaTypes.ociConfig, digest: digest("c"), size: 20 },
  layers: [layer("1"), layer("2")],
};
const index = {
  schemaVersion: 2,
  mediaType: mediaTypes.ociIndex,
  manifests: [
    {
      mediaType: mediaTypes.ociManifest,
      digest: digest("a"),
      size: 5,
      platform: { os: "linux", architecture: "amd64" },
    },
  ],
};
const config = {
  architecture: "amd64",
  os: "linux",
  config: { Env: ["A=b"], Entrypoint: null, Labels: { x: "y" } },
  rootfs: { type: "layers", diff_ids: [digest("d"), digest("e")] },
  history: [{ created: "2024-01-01T00:00:00Z", created_by: "COPY" }, { empty_layer: true }],
};
const json = (value: unknown) => JSON.stringify(value);
const without = (value: object, name: string) =>
  Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));

describe("documents that are taken", () => {
  test("a manifest, with fields that nobody knows", () => {
    const read = parseManifest(
      json({ ...manifest, subject: null, future: { x: 1 } }),
      mediaTypes.ociManifest,
    );
    expect(read.layers.map(({ size }) => size)).toEqual([10, 10]);
    expect(read).not.toHaveProperty("future");
  });
  test("a manifest without media type is what its sender said, else what its configuration says", () => {
    const bare = without(manifest, "mediaType");
    expect(parseDocument(json(bare)).mediaType).toBe(mediaTypes.ociManifest);
    expect(parseDocument(json(bare), mediaTypes.dockerManifest).mediaType).toBe(mediaTypes.dockerManifest);
    const docker = { ...bare, config: { ...manifest.config, mediaType: mediaTypes.dockerConfig } };
    expect(parseDocument(json(docker)).mediaType).toBe(mediaTypes.dockerManifest);
  });
  test("an index with its platforms", () => {
    expect(parseIndex(json(index)).manifests[0]?.platform).toEqual({ os: "linux", architecture: "amd64" });
  });
  test("a configuration that fits its manifest", () => {
    const read = parseConfig(json(config), parseManifest(json(manifest)));
    expect(read.config).toEqual({ Env: ["A=b"], Labels: { x: "y" } });
    expect(read.history?.[1]).toEqual({ empty_layer: true });
  });
  test("a configuration of no layers, written as null by Go", () => {
    const read = parseConfig(json({ ...config, rootfs: { type: "layers", diff_ids: null } }));
    expect(read.rootfs.diff_ids).toEqual([]);
  });
});

describe("documents that are refused, with what is wrong and where", () => {
  const bad = (change: object) => json({ ...manifest, ...change });
  test.each([
    ["both manifest and index", json({ ...manifest, ...index }), "a manifest and an index at once"],
    ["both, by the configuration alone", json({ ...index, config: manifest.config }), "at once"],
    ["a known name in another case", bad({ Manifests: [] }), '"Manifests" is a known name in another case'],
    [
      "an index that calls itself a manifest",
      json({ ...index, mediaType: mediaTypes.ociManifest }),
      "holds an index",
    ],
    [
      "a manifest that calls itself an index",
      bad({ mediaType: mediaTypes.ociIndex }),
      "holds an image manifest",
    ],
    ["an unknown media type", bad({ mediaType: "text/html" }), 'its media type is "text/html"'],
    ["schema 1", json({ schemaVersion: 1, fsLayers: [] }), "Docker's schema 1"],
    ["schema 3", bad({ schemaVersion: 3 }), "schemaVersion is 3, wanted 2"],
    ["a negative size", bad({ layers: [{ ...layer("1"), size: -1 }] }), "layers[0].size is -1"],
    ["a huge size", bad({ layers: [{ ...layer("1"), size: 2 ** 50 }] }), "layers[0].size"],
    ["a size that is no whole number", bad({ layers: [{ ...layer("1"), size: 1.5 }] }), "is 1.5"],
    [
      "a digest that is a path",
      bad({ layers: [{ ...layer("1"), digest: "sha256:../../etc" }] }),
      "layers[0].digest",
    ],
    ["a digest in capitals", bad({ config: { ...manifest.config, digest: digest("A") } }), "config.digest"],
    ["too many layers", bad({ layers: Array.from({ length: 501 }, () => layer("1")) }), "at most 500"],
    ["no configuration", json(without(manifest, "config")), "config is not there"],
    ["a list", "[]", "wanted an object"],
    ["no JSON", "{", "it is not JSON"],
    ["a long string", bad({ annotations: { x: "y".repeat(70_000) } }), "at most 65536 characters"],
  ])("%s", (_, text, message) => {
    expect(() => parseDocument(text)).toThrow(message);
  });
  test("a document of another media type than was announced", () => {
    expect(() => parseDocument(json(manifest), mediaTypes.dockerManifest)).toThrow("as it was announced");
    expect(() => parseDocument(json(without(manifest, "mediaType")), mediaTypes.ociIndex)).toThrow(
      "holds an image",
    );
  });
  test("text that is no UTF-8", () => {
    expect(() => parseDocument(new Uint8Array([0x22, 0xff, 0x22]))).toThrow("not JSON");
  });
  test.each([
    [
      "diff ids that do not fit the layers",
      { rootfs: { type: "layers", diff_ids: [digest("d")] } },
      "names 1 layers",
    ],
    ["another kind of root", { rootfs: { type: "windows", diff_ids: [] } }, "rootfs.type"],
    ["an environment of numbers", { config: { Env: [1] } }, "config.Env[0] is 1, wanted a string"],
    ["a string with NUL", { config: { WorkingDir: "/a\0b" } }, "without NUL"],
    ["a time that is none", { created: "yesterday" }, "wanted a time"],
  ])("a configuration with %s", (_, change, message) => {
    expect(() => parseConfig(json({ ...config, ...change }), parseManifest(json(manifest)))).toThrow(message);
  });
  test("a field called __proto__ changes nothing", () => {
    const text = `{"architecture":"amd64","os":"linux","config":{"Labels":{"__proto__":"x"}},"rootfs":{"type":"layers","diff_ids":[]}}`;
    expect(Object.keys(parseConfig(text).config?.Labels ?? {})).toEqual(["__proto__"]);
  });
});

test("layer media types say how the bytes are packed, and anything else is refused", () => {
  expect(layerFormat(mediaTypes.dockerLayerGzip)).toEqual({ compression: "gzip", foreign: false });
  expect(layerFormat(mediaTypes.ociForeignZstd)).toEqual({ compression: "zstd", foreign: true });
  expect(() => layerFormat("application/vnd.oci.image.layer.v1.tar+encrypted")).toThrow(
    "wanted a tar archive",
  );
  expect(() => layerFormat("toString")).toThrow("wanted a tar archive");
});

/** A small generator with a seed, so that a failure can be seen again. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}

test("whatever is changed in a document, the answer is a document or a SampanError", () => {
  const next = random(7);
  const odd: unknown[] = [
    null,
    -1,
    1e300,
    "",
    "sha256:",
    [],
    {},
    true,
    [[[]]],
    { mediaType: 1 },
    "\0",
    2 ** 53,
  ];
  const mutate = (value: unknown): unknown => {
    if (next(12) === 0) return odd[next(odd.length)];
    if (Array.isArray(value)) return value.map(mutate);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mutate(item)]));
  };
  let refused = 0;
  for (let round = 0; round < 3000; round += 1) {
    for (const [read, whole] of [
      [parseDocument, manifest],
      [parseDocument, index],
      [parseConfig, config],
    ] as const) {
      const text = json(mutate(whole)) ?? "";
      const cut = next(5) === 0 ? text.slice(0, next(text.length + 1)) : text;
      try {
        read(cut);
      } catch (error) {
        expect(error).toBeInstanceOf(SampanError);
        refused += 1;
      }
    }
  }
  expect(refused).toBeGreaterThan(1000);
});
