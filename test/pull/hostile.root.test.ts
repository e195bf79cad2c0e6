/** Registries that cut, lie and send what cannot be: an error that says so, nothing half-made, and the next try works. */
// deadline: 120 s
import { describe, expect } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pull } from "../../src/engine/images/pull.ts";
import { digestOf, type Digest } from "../../src/spec/image/digest.ts";
import { blob, makeImage, makeLayer, type TestImage } from "../images/image.ts";
import { needing } from "../needs.ts";
import { cut, mockRegistry, ranged } from "./mock-registry.ts";
import { failure, testEngine, type TestEngine } from "./parts.ts";

const { test } = needing({ root: true });

/** Does not pack well, so that a cut lies in the middle of a layer's bytes. */
function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

const bigImage = (seed = 1) =>
  makeImage({ layers: [[{ name: "low", content: noise(3 << 20, seed) }], [{ name: "high", content: "x" }]] });
const layerOf = (image: TestImage, index = 0) => {
  const layer = image.layers[index];
  if (!layer) throw new Error("no such layer");
  return layer;
};

/** What a failed pull may leave: partial files, nothing that is named or half unpacked. */
function expectNothingMade(engine: TestEngine): void {
  expect(engine.images.list()).toEqual([]);
  expect(engine.snapshots.list()).toEqual([]);
  expect(engine.leases.list()).toEqual([]);
  const folder = join(engine.root, "snapshots", engine.snapshots.name);
  expect(readdirSync(folder)).toEqual([]);
}

test("a cut transfer goes on where it was cut", async () => {
  const image = bigImage();
  const { digest } = layerOf(image).descriptor;
  await using registry = mockRegistry({ image });
  await using engine = await testEngine();
  const ranges: (string | null)[] = [];
  registry.intercept = (request, url) => {
    if (!url.pathname.endsWith(digest)) return undefined;
    ranges.push(request.headers.get("Range"));
    return ranges.length === 1 ? cut(registry.bytesOf(digest), 1 << 20) : undefined;
  };
  const { image: pulled } = await pull(engine, `${registry.host}/app`);
  expect(pulled.id).toBe(image.config.descriptor.digest);
  expect(ranges).toHaveLength(2);
  expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-/);
});

test("a server that ignores ranges gets the whole blob asked anew", async () => {
  const image = bigImage();
  const { digest } = layerOf(image).descriptor;
  await using registry = mockRegistry({ image });
  await using engine = await testEngine();
  let asked = 0;
  registry.intercept = (_, url) => {
    if (!url.pathname.endsWith(digest)) return undefined;
    asked += 1;
    const bytes = registry.bytesOf(digest);
    return asked === 1 ? cut(bytes, 1 << 20) : new Response(bytes.slice());
  };
  expect((await pull(engine, `${registry.host}/app`)).image.layers).toHaveLength(2);
  expect(asked).toBe(2);
});

for (const snapshotter of ["overlayfs", "copy"] as const)
  test(`a beginning that turns out wrong is fetched once anew (${snapshotter})`, async () => {
    const image = bigImage();
    const { digest } = layerOf(image).descriptor;
    await using registry = mockRegistry({ image });
    await using engine = await testEngine({ snapshotter });
    let asked = 0;
    registry.intercept = (request, url) => {
      if (!url.pathname.endsWith(digest)) return undefined;
      asked += 1;
      const bytes = registry.bytesOf(digest).slice();
      if (asked > 1) return ranged(request, bytes);
      bytes.fill(7, 1000, 200_000);
      return cut(bytes, 1 << 20);
    };
    const { image: pulled } = await pull(engine, `${registry.host}/app`);
    expect(asked).toBeGreaterThan(2);
    expect(await engine.content.verify(digest)).toBe("whole");
    expect(pulled.unpackedSize).toBeGreaterThan(3 << 20);
  });

describe("refused, and nothing is left but what can be resumed", () => {
  const other = layerOf(bigImage(99));
  const cases: [
    string,
    (image: TestImage) => { serve: TestImage; lie?: { digest: Digest; bytes: Uint8Array } },
    RegExp,
  ][] = [
    [
      "bytes of another digest",
      (image) => {
        const { digest } = layerOf(image).descriptor;
        const bytes = layerOf(image).bytes.slice();
        bytes[1000] = (bytes[1000] ?? 0) ^ 255;
        return { serve: image, lie: { digest, bytes } };
      },
      /digest/,
    ],
    [
      "more bytes than the manifest says",
      (image) => {
        const { descriptor, bytes } = layerOf(image);
        return {
          serve: image,
          lie: { digest: descriptor.digest, bytes: new Uint8Array([...bytes, 1, 2, 3]) },
        };
      },
      /bytes|size/,
    ],
    [
      "a diff id that the layer does not have",
      () => ({
        serve: makeImage({ layers: [{ ...makeLayer([{ name: "a", content: "a" }]), diffId: other.diffId }] }),
      }),
      /cannot unpack layer .*wanted sha256/,
    ],
    [
      "a layer that is no archive",
      () => {
        const bytes = noise(10_000);
        const { descriptor } = blob(bytes, layerOf(bigImage()).descriptor.mediaType);
        return { serve: makeImage({ layers: [{ descriptor, bytes, diffId: digestOf(bytes) }] }) };
      },
      /cannot unpack layer/,
    ],
    [
      "a layer of an unknown kind",
      () => ({
        serve: makeImage({
          layers: [
            {
              ...makeLayer([]),
              descriptor: { ...makeLayer([]).descriptor, mediaType: "application/x-secret" },
            },
          ],
        }),
      }),
      /media type "application\/x-secret"/,
    ],
  ];
  for (const [what, make, message] of cases)
    test(what, async () => {
      const { serve, lie } = make(bigImage());
      await using registry = mockRegistry({ image: serve });
      await using engine = await testEngine();
      registry.intercept = (request, url) =>
        lie && url.pathname.endsWith(lie.digest) ? ranged(request, lie.bytes) : undefined;
      const refusal = pull(engine, `${registry.host}/app`);
      expect((await failure(refusal)).message).toMatch(message);
      expect((await failure(refusal)).message).toMatch(/^cannot pull image "127/);
      expectNothingMade(engine);
      if (!lie) return;
      registry.intercept = undefined;
      expect((await pull(engine, `${registry.host}/app`)).upToDate).toBe(false);
    });

  test("a layer larger than the settings allow, packed or unpacked", async () => {
    const image = makeImage({ layers: [[{ name: "zeros", content: new Uint8Array(4 << 20) }]] });
    await using registry = mockRegistry({ image });
    for (const maxLayerSize of [100, 1 << 20]) {
      await using engine = await testEngine({ maxLayerSize });
      expect(await failure(pull(engine, `${registry.host}/app`))).toMatchObject({
        code: "resource_exhausted",
      });
      expectNothingMade(engine);
    }
  });

  test("a budget that the image does not fit", async () => {
    await using registry = mockRegistry({ image: bigImage() });
    await using engine = await testEngine({ budget: 2 << 20 });
    expect((await failure(pull(engine, `${registry.host}/app`))).message).toMatch("the budget is 2097152");
    expectNothingMade(engine);
  });

  test("a budget that is exceeded while one layer is unpacked and another still comes: nothing is left of it", async () => {
    const image = makeImage({
      layers: [
        [{ name: "zeros", content: new Uint8Array(8 << 20) }],
        [{ name: "low", content: noise(1 << 20, 7) }],
      ],
    });
    const { digest } = layerOf(image, 1).descriptor;
    await using registry = mockRegistry({ image });
    const beginning = registry.bytesOf(digest).slice(0, 500_000);
    registry.intercept = (_, url) =>
      url.pathname.endsWith(digest) ? new Response(endless(beginning)) : undefined;
    await using engine = await testEngine({ budget: 5 << 20 });
    const { code, message } = await failure(pull(engine, `${registry.host}/app`));
    expect([code, message]).toEqual([
      "resource_exhausted",
      expect.stringMatching(
        /: cannot store more in ".*": with it, \d{7,8} bytes are in use and the budget is 5242880; /,
      ),
    ]);
    expectNothingMade(engine);
    expect(readdirSync(join(engine.root, "content/ingest"))).toEqual([]);
  });

  test("a budget that is less than what is to be fetched and unpacked: no layer is fetched", async () => {
    const image = bigImage();
    await using registry = mockRegistry({ image });
    await using engine = await testEngine({ budget: 5 << 20 });
    const { message } = await failure(pull(engine, `${registry.host}/app`));
    expect(message).toMatch(
      /: cannot store 6\d{6} bytes in ".*": \d{4,7} are in use and the budget is 5242880; /,
    );
    const { digest } = layerOf(image).descriptor;
    expect(registry.requests.filter((request) => request.endsWith(digest))).toEqual([]);
  });

  test("an entry that leaves the root", async () => {
    const image = makeImage({ layers: [[{ name: "../../../outside", content: "x" }]] });
    await using registry = mockRegistry({ image });
    await using engine = await testEngine();
    await pull(engine, `${registry.host}/app`).catch(() => undefined);
    const everything = [...new Bun.Glob("**/outside").scanSync({ cwd: engine.root, dot: true })];
    expect(everything.filter((path) => !/^snapshots\/[a-z]+\/\d+\/fs\//.test(path))).toEqual([]);
  });
});

test("a pull that is cancelled in the middle leaves only what the next one resumes", async () => {
  const image = bigImage();
  const { digest } = layerOf(image).descriptor;
  await using registry = mockRegistry({ image });
  await using engine = await testEngine();
  const stop = new AbortController();
  const waiting = Promise.withResolvers<void>();
  registry.intercept = (_, url) => {
    if (!url.pathname.endsWith(digest)) return undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(registry.bytesOf(digest).slice(0, 1 << 20));
        waiting.resolve();
      },
    });
    return new Response(body);
  };
  const events: number[] = [];
  const pulling = pull(engine, `${registry.host}/app`, {
    signal: stop.signal,
    onProgress: (event) => {
      if (event.kind !== "layer" || event.step !== "downloading" || event.done < 1 << 19) return;
      events.push(event.done);
      stop.abort();
    },
  });
  expect(await failure(pulling)).toMatchObject({ code: "cancelled" });
  expect(events.length).toBeGreaterThan(0);
  expectNothingMade(engine);
  const ranges: (string | null)[] = [];
  registry.intercept = (request, url) => {
    if (url.pathname.endsWith(digest)) ranges.push(request.headers.get("Range"));
    return undefined;
  };
  await pull(engine, `${registry.host}/app`);
  expect(ranges[0]).toMatch(/^bytes=[1-9]/);
});

test("a pull with nothing to do asks one question and writes nothing", async () => {
  await using registry = mockRegistry({ image: bigImage() });
  await using engine = await testEngine();
  await pull(engine, `${registry.host}/app`);
  registry.requests.length = 0;
  const changes = () => engine.store.db.query<{ n: number }, []>("SELECT total_changes() AS n").get()?.n;
  const before = changes();
  expect((await pull(engine, `${registry.host}/app`)).upToDate).toBe(true);
  expect(registry.requests.filter((request) => !request.endsWith("/v2/"))).toEqual([
    "HEAD /v2/app/manifests/latest",
  ]);
  expect(changes()).toBe(before);
});

function endless(beginning: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.enqueue(beginning) });
}
