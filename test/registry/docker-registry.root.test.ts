import { afterAll, beforeAll, expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRegistries } from "../../src/engine/registry/open.ts";
import { openDockerConfig } from "../../src/engine/registry/docker-config.ts";
import type { Repository } from "../../src/engine/registry/registry.ts";
import type { RegistrySettings } from "../../src/engine/settings.ts";
import { parseDigest } from "../../src/spec/image/digest.ts";
import { blob, makeImage, type TestImage } from "../images/image.ts";
import { pushImage } from "../images/push.ts";
import { needing, obstacle } from "../needs.ts";
import { makeCertificates } from "./certificates.ts";
import { registryNeeds, startRegistry, type RunningRegistry } from "./docker-registry.ts";

const needs = { programs: [...(registryNeeds.programs ?? []), "openssl"] };
const { test } = needing(needs);
const usable = obstacle(needs) === undefined;

const folder = mkdtempSync(join(tmpdir(), "sampan-registry-test-"));
const noConfig = { dockerConfig: join(folder, "none") };
const account = { username: "somebody", secret: "a:pass word" };
const image = makeImage({
  layers: [[{ name: "hello", content: "hello\n" }], [{ name: "more", content: "x".repeat(100_000) }]],
});
let plain: RunningRegistry;

beforeAll(async () => {
  if (!usable) return;
  plain = await startRegistry();
  await pushImage({ url: plain.url, repository: "library/app" }, image, "1");
});

afterAll(async () => {
  if (usable) await plain[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function settings(part: Partial<RegistrySettings>): RegistrySettings {
  return {
    mirrors: [],
    http: false,
    ca: undefined,
    clientCertificate: undefined,
    clientKey: undefined,
    skipVerify: false,
    ...part,
  };
}

async function expectWhole(repository: Repository, expected: TestImage, reference: string): Promise<void> {
  const { descriptor, bytes } = await repository.manifest(reference);
  expect(descriptor).toEqual(expected.manifest.descriptor);
  expect(Buffer.from(bytes)).toEqual(Buffer.from(expected.manifest.bytes));
  for (const part of [expected.config, ...expected.layers]) {
    const answer = await repository.blob(part.descriptor, 0);
    expect(await new Response(answer.body).bytes()).toEqual(part.bytes);
  }
}

test("an image is fetched by tag and by digest, over plain HTTP on loopback", async () => {
  const repository = openRegistries({}, noConfig).repository(`${plain.host}/library/app`, "pull");
  expect(repository.name).toBe(`${plain.host}/library/app`);
  await expectWhole(repository, image, "1");
  await expectWhole(repository, image, image.manifest.descriptor.digest);
  expect(await repository.resolve("1")).toEqual(image.manifest.descriptor);
  expect(await repository.tags()).toEqual(["1"]);
});

test("a blob is fetched from an offset on", async () => {
  const repository = openRegistries({}, noConfig).repository(`${plain.host}/library/app`, "pull");
  const { descriptor, bytes } = image.layers[1] ?? image.config;
  const answer = await repository.blob(descriptor, 100);
  expect(answer.offset).toBe(100);
  expect(answer.size).toBe(descriptor.size);
  expect(await new Response(answer.body).bytes()).toEqual(bytes.slice(100));
});

test("what is not there is not_found", async () => {
  const repository = openRegistries({}, noConfig).repository(`${plain.host}/library/app`, "pull");
  const digest = parseDigest(`sha256:${"0".repeat(64)}`);
  expect(repository.manifest("none")).rejects.toHaveProperty("code", "not_found");
  // HEAD has no words; the manifest has.
  expect(await repository.resolve("none")).toBeUndefined();
  expect(repository.blob({ mediaType: "x", digest, size: 1 }, 0)).rejects.toHaveProperty("code", "not_found");
  expect(await repository.hasBlob(digest)).toBe(false);
  expect(await repository.hasBlob(image.config.descriptor.digest)).toBe(true);
});

test("an image is pushed: blobs uploaded once, then there, then mounted elsewhere", async () => {
  const registries = openRegistries({}, noConfig);
  const pushed = makeImage({
    layers: [[{ name: "pushed", content: crypto.getRandomValues(new Uint8Array(50_000)) }]],
    format: "docker",
  });
  const path = join(folder, "blob");
  const target = registries.repository(`${plain.host}/pushed/app`, "pull,push");
  for (const part of [pushed.config, ...pushed.layers]) {
    writeFileSync(path, part.bytes);
    let sent = 0;
    expect(await target.putBlob(part.descriptor, path, { progress: (bytes) => (sent = bytes) })).toBe(
      "uploaded",
    );
    expect(sent).toBe(part.bytes.length);
    expect(await target.putBlob(part.descriptor, path)).toBe("existed");
    const other = registries.repository(`${plain.host}/other`, "pull,push");
    expect(await other.putBlob(part.descriptor, path, { mountFrom: [target.name] })).toBe("mounted");
  }
  const digest = await target.putManifest("v1", pushed.manifest.bytes, pushed.manifest.descriptor.mediaType);
  expect(digest).toBe(pushed.manifest.descriptor.digest);
  await expectWhole(target, pushed, "v1");
});

test("an empty blob and one of many megabytes are pushed", async () => {
  const target = openRegistries({}, noConfig).repository(`${plain.host}/sizes`, "pull,push");
  for (const size of [0, 40_000_000]) {
    const part = blob(new Uint8Array(size).fill(7), "application/octet-stream");
    const path = join(folder, `size-${size}`);
    writeFileSync(path, part.bytes);
    expect(await target.putBlob(part.descriptor, path)).toBe("uploaded");
    const answer = await target.blob(part.descriptor, 0);
    expect((await new Response(answer.body).bytes()).length).toBe(size);
  }
});

test("a file that is not as long as its descriptor is not pushed", async () => {
  const target = openRegistries({}, noConfig).repository(`${plain.host}/sizes`, "pull,push");
  const path = join(folder, "short");
  writeFileSync(path, "short");
  expect(target.putBlob({ ...image.config.descriptor, size: 6 }, path)).rejects.toHaveProperty(
    "code",
    "data_loss",
  );
});

test("names are found in the catalog of a registry without a search", async () => {
  const found = await openRegistries({}, noConfig).search(plain.host, "brary", 5);
  expect(found).toEqual([{ name: "library/app", description: "", stars: 0, official: false }]);
});

test("a registry with a password wants the right one", async () => {
  await using locked = await startRegistry({ auth: account });
  await pushImage({ url: locked.url, repository: "app", auth: account }, image, "1");
  const dockerConfig = join(folder, "login");
  const registries = openRegistries({}, { dockerConfig });
  const repository = registries.repository(`${locked.host}/app`, "pull,push");
  expect(repository.manifest("1")).rejects.toHaveProperty("code", "unauthenticated");
  expect(registries.login(locked.host, { ...account, secret: "wrong" })).rejects.toHaveProperty(
    "code",
    "unauthenticated",
  );
  await registries.login(locked.host, account);
  await openDockerConfig(dockerConfig).store(locked.host, { ...account, kind: "password" });
  await expectWhole(repository, image, "1");
  const path = join(folder, "locked");
  const part = blob("pushed with a password", "application/octet-stream");
  writeFileSync(path, part.bytes);
  expect(await repository.putBlob(part.descriptor, path)).toBe("uploaded");
});

test("a registry with TLS is trusted by its authority only", async () => {
  using right = makeCertificates();
  using wrong = makeCertificates();
  await using secure = await startRegistry({ tls: right });
  await pushImage(
    { url: secure.url, repository: "app", ca: readFileSync(right.authority, "utf8") },
    image,
    "1",
  );
  const from = (part: Partial<RegistrySettings>) =>
    openRegistries({ [secure.host]: settings(part) }, noConfig).repository(`${secure.host}/app`, "pull");
  await expectWhole(from({ ca: right.authority }), image, "1");
  await expectWhole(from({ skipVerify: true }), image, "1");
  for (const refused of [{}, { ca: wrong.authority }])
    expect(from(refused).manifest("1")).rejects.toHaveProperty("code", "unavailable");
});

test("a mirror is asked first, and passed over when it does not have the image", async () => {
  await using mirror = await startRegistry();
  const other = makeImage({ layers: [[{ name: "other", content: "from the mirror" }]] });
  await pushImage({ url: mirror.url, repository: "library/app" }, other, "2");
  const mirrors = ["http://127.0.0.1:1", mirror.url];
  const repository = openRegistries({ [plain.host]: settings({ mirrors }) }, noConfig).repository(
    `${plain.host}/library/app`,
    "pull",
  );
  await expectWhole(repository, other, "2");
  await expectWhole(repository, image, "1");
});
