/** ImageService by its own gRPC client: what a kubelet or crictl would see. */
import { afterAll, beforeAll, expect } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { pullImage } from "../../src/api/cri/images/pull.ts";
import { ImageSpecSchema } from "../../src/wire/cri/cri_pb.ts";
import { makeImage, type TestImage } from "../images/image.ts";
import { needing, obstacle } from "../needs.ts";
import { mockRegistry } from "../pull/mock-registry.ts";
import { failure } from "../pull/parts.ts";
import { openImagesWorld, type ImagesWorld } from "./_images.ts";

const needs = { root: true } as const;
const { test } = needing(needs);
let opened: ImagesWorld;

beforeAll(async () => {
  if (obstacle(needs) === undefined) opened = await openImagesWorld({ pinned: ["localhost:1/pinned"] });
});
afterAll(async () => {
  await opened?.[Symbol.asyncDispose]();
});

let made = 0;
/** One that no other test has. */
function another(config: Parameters<typeof makeImage>[0]["config"] = {}): TestImage {
  return makeImage({ layers: [[{ name: `file-${made++}`, content: "x".repeat(5000 + made) }]], config });
}

async function codeOf(promise: Promise<unknown>): Promise<[Code, string]> {
  try {
    await promise;
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    return [code, rawMessage];
  }
  throw new Error("it did not fail");
}

const statusOf = async (image: string, verbose = false) =>
  await opened.images.imageStatus({ image: { image }, verbose });
const pull = async (name: string) => (await opened.images.pullImage({ image: { image: name } })).imageRef;
const remove = async (image: string) => await opened.images.removeImage({ image: { image } });

test("an image that was pulled is there by name, digest and id, with its user and its pin, until it is removed", async () => {
  const image = another({ User: "1000:1000", Labels: { "io.cri-containerd.pinned": "pinned" } });
  await using registry = mockRegistry({ image });
  const name = `${registry.host}/team/app:1`;
  const ref = await pull(name);
  expect(ref).toBe(image.config.descriptor.digest);
  const digestName = `${registry.host}/team/app@${image.manifest.descriptor.digest}`;
  for (const by of [name, digestName, ref, ref.slice(7), ref.slice(7, 20)]) {
    const { image: found, info } = await statusOf(by);
    expect(found).toMatchObject({
      id: ref,
      repoTags: [name],
      repoDigests: [digestName],
      uid: { value: 1000n },
      username: "",
      pinned: true,
    });
    expect(found?.size).toBeGreaterThan(0n);
    expect(info).toEqual({});
  }
  const { info } = await statusOf(name, true);
  expect(JSON.parse(info["info"] ?? "")).toMatchObject({ imageSpec: { config: { User: "1000:1000" } } });
  const listed = await opened.images.listImages({ filter: { image: { image: name } } });
  expect(listed.images.map(({ id }) => id)).toEqual([ref]);
  await remove(name);
  expect((await statusOf(ref)).image).toBeUndefined();
  await remove(name);
});

test("what is not here is no error, and a beginning of few digits is a name, not an id", async () => {
  expect(await statusOf("localhost:1/none")).toMatchObject({ info: {} });
  expect((await statusOf("not A name")).image).toBeUndefined();
  const image = another();
  await using registry = mockRegistry({ image });
  const ref = await pull(`${registry.host}/digits:1`);
  for (const digits of [3, 11]) expect((await statusOf(ref.slice(7, 7 + digits))).image).toBeUndefined();
  expect((await statusOf(ref.slice(7, 7 + 12))).image).toMatchObject({ id: ref });
  await remove(ref.slice(7, 7 + 12));
  expect((await opened.images.listImages({ filter: { image: { image: "none" } } })).images).toEqual([]);
  await remove("localhost:1/none");
  expect((await codeOf(statusOf("")))[0]).toBe(Code.InvalidArgument);
});

test("the stream gives what the list gives", async () => {
  const image = another();
  await using registry = mockRegistry({ image });
  const ref = await pull(`${registry.host}/listed:1`);
  const listed = (await opened.images.listImages({})).images.map(({ id }) => id);
  const streamed: string[] = [];
  for await (const { images } of opened.images.streamImages({})) streamed.push(...images.map(({ id }) => id));
  expect(listed).toContain(ref);
  expect(streamed.toSorted()).toEqual(listed.toSorted());
});

test("a name that the settings pin is shown so", async () => {
  const image = another();
  await using registry = mockRegistry({ image });
  const ref = await pull(`${registry.host}/x:1`);
  opened.context.engine.images.name("localhost:1/pinned:latest", image.manifest.descriptor.digest);
  expect((await statusOf(ref)).image).toMatchObject({ pinned: true });
  await remove(ref);
});

test("the removal by one name takes all of them", async () => {
  const image = another();
  await using registry = mockRegistry({ image });
  const ref = await pull(`${registry.host}/one:1`);
  await pull(`${registry.host}/two:2`);
  expect((await statusOf(ref)).image?.repoTags).toHaveLength(2);
  await remove(`${registry.host}/one:1`);
  expect((await statusOf(ref)).image).toBeUndefined();
  expect((await statusOf(`${registry.host}/two:2`)).image).toBeUndefined();
});

test("credentials serve the pull that they came with, and no other registry", async () => {
  const image = another();
  await using registry = mockRegistry({ image });
  const basic = `Basic ${btoa("ann:secret")}`;
  registry.intercept = (request) =>
    request.headers.get("Authorization") === basic
      ? undefined
      : new Response("{}", { status: 401, headers: { "WWW-Authenticate": 'Basic realm="x"' } });
  const name = { image: { image: `${registry.host}/private:1` } };
  const call = (auth?: object) => opened.images.pullImage({ ...name, ...(auth && { auth }) });
  const ann = { username: "ann", password: "secret" };
  expect((await codeOf(call()))[0]).toBe(Code.Unauthenticated);
  expect((await codeOf(call({ ...ann, password: "wrong" })))[0]).toBe(Code.Unauthenticated);
  expect((await codeOf(call({ ...ann, serverAddress: "other.example" })))[0]).toBe(Code.Unauthenticated);
  const { imageRef } = await call({ auth: btoa("ann:secret"), serverAddress: registry.host });
  expect(imageRef).toBe(image.config.descriptor.digest);
  expect((await codeOf(call()))[0]).toBe(Code.Unauthenticated);
  await remove(imageRef);
});

test("a registry token is shown as it is", async () => {
  const image = another();
  await using registry = mockRegistry({ image });
  registry.intercept = (request) =>
    request.headers.get("Authorization") === "Bearer t0ken"
      ? undefined
      : new Response("{}", {
          status: 401,
          headers: { "WWW-Authenticate": `Bearer realm="http://${registry.host}/token"` },
        });
  const name = `${registry.host}/private:1`;
  const { imageRef } = await opened.images.pullImage({
    image: { image: name },
    auth: { registryToken: "t0ken" },
  });
  expect(registry.requests.filter((line) => line.includes("/token"))).toEqual([]);
  await remove(imageRef);
});

test("two pulls of an image at a time fetch its layers once", async () => {
  const image = another();
  await using registry = mockRegistry({ image });
  const name = `${registry.host}/twice:1`;
  const refs = await Promise.all([pull(name), pull(name), pull(name)]);
  expect(new Set(refs).size).toBe(1);
  const layer = `GET /v2/twice/blobs/${image.layers[0]?.descriptor.digest}`;
  expect(registry.requests.filter((line) => line === layer)).toHaveLength(1);
  await remove(name);
});

test("a pull whose registry says nothing more fails and says so", async () => {
  const served = another();
  await using registry = mockRegistry({ image: served });
  const layer = served.layers[0];
  registry.intercept = (_request, url) => {
    if (!layer || !url.pathname.endsWith(layer.descriptor.digest)) return undefined;
    // The beginning, and then silence.
    const start = (controller: ReadableStreamDefaultController<Uint8Array>) =>
      controller.enqueue(layer.bytes.slice(0, 10));
    return new Response(new ReadableStream({ start }), {
      headers: { "Content-Length": String(layer.bytes.length) },
    });
  };
  const { context } = opened;
  const settings = { ...context.settings, pullProgressTimeout: 400 };
  const image = create(ImageSpecSchema, { image: `${registry.host}/silent:1` });
  const pulled = pullImage({ ...context, settings }, { image }, context.signal);
  expect(await failure(pulled)).toMatchObject({
    code: "deadline_exceeded",
    message: expect.stringContaining("sent nothing for 0.4 s ([cri] pull_progress_timeout)"),
  });
});

test("a pull that its client gives up ends, and the next one goes on where it was", async () => {
  const image = another();
  await using registry = mockRegistry({ image });
  const asked = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  registry.intercept = (request, url) => {
    if (!url.pathname.includes("/blobs/")) return undefined;
    request.signal.addEventListener("abort", () => left.resolve());
    asked.resolve();
    return new Promise<Response>(() => undefined);
  };
  const stop = new AbortController();
  const name = `${registry.host}/given-up:1`;
  const pulled = opened.images.pullImage({ image: { image: name } }, { signal: stop.signal });
  await asked.promise;
  stop.abort();
  expect((await codeOf(pulled))[0]).toBe(Code.Canceled);
  await left.promise;
  expect((await statusOf(name)).image).toBeUndefined();
  registry.intercept = undefined;
  await remove(await pull(name));
});

test("a runtime handler that nobody knows, and a name that is none, are refused", async () => {
  const handler = opened.images.pullImage({ image: { image: "localhost:1/x", runtimeHandler: "none-such" } });
  expect((await codeOf(handler))[0]).toBe(Code.InvalidArgument);
  expect((await codeOf(pull("not A name")))[0]).toBe(Code.InvalidArgument);
  expect((await codeOf(pull("")))[0]).toBe(Code.InvalidArgument);
});

test("the file system's figures name where it is, and grow with an image", async () => {
  const before = await opened.images.imageFsInfo({});
  const image = another();
  await using registry = mockRegistry({ image });
  const ref = await pull(`${registry.host}/figures:1`);
  const after = await opened.images.imageFsInfo({});
  const [[was], [is]] = [before.imageFilesystems, after.imageFilesystems];
  expect(is?.fsId?.mountpoint).toBe(opened.context.engine.store.root);
  expect(is?.timestamp).toBeGreaterThan(0n);
  expect(is?.usedBytes?.value).toBeGreaterThan(was?.usedBytes?.value ?? 0n);
  expect(is?.inodesUsed?.value).toBeGreaterThan(was?.inodesUsed?.value ?? 0n);
  expect(after.containerFilesystems).toHaveLength(1);
  await remove(ref);
});
