/** Images of pods, from a registry of this process that asks for a password, refuses, and goes away. */
import { expect } from "bun:test";
import { openRegistries } from "../../../src/engine/registry/open.ts";
import { ensureImage, type ImageWish, pullSecrets } from "../../../src/fleet/edge/edged/images.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { makeImage } from "../../images/image.ts";
import { needing } from "../../needs.ts";
import { mockRegistry, type MockRegistry } from "../../pull/mock-registry.ts";
import { testEngine, type TestEngine } from "../../pull/parts.ts";
import { pod } from "./pods.ts";
import { fakeMeta } from "./sources.ts";

const { test } = needing({ root: true });
const image = makeImage({ layers: [[{ name: "etc/a", content: "1" }]] });

/** Without the pauses of a client that waits for a registry to come back. */
function impatient(engine: TestEngine) {
  const registries = openRegistries(engine.settings.registries, {
    dockerConfig: "/nonexistent",
    patience: { tries: 1 },
  });
  return { ...engine, registries };
}

const wish = (name: string, imagePullPolicy: string, more: Partial<ImageWish> = {}): ImageWish => ({
  container: { name: "main", image: name, imagePullPolicy },
  secrets: [],
  signal: AbortSignal.timeout(60_000),
  ...more,
});

function key(host: string, password: string): KubeObject {
  const config = { auths: { [host]: { username: "robot", password } } };
  const data = { ".dockerconfigjson": Buffer.from(JSON.stringify(config)).toString("base64") };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "k" },
    type: "kubernetes.io/dockerconfigjson",
    data,
  };
}

function lock(registry: MockRegistry): void {
  const wanted = `Basic ${Buffer.from("robot:s3cret").toString("base64")}`;
  registry.intercept = (request) =>
    request.headers.get("authorization") === wanted
      ? undefined
      : new Response("{}", { status: 401, headers: { "WWW-Authenticate": 'Basic realm="r"' } });
}

const reasonOf = async (work: Promise<unknown>) =>
  await work.then(
    () => undefined,
    (error: unknown) => error,
  );

test("an image is pulled when it is not here, and each policy does what it says", async () => {
  await using registry = mockRegistry({ image });
  await using opened = await testEngine();
  const engine = impatient(opened);
  const name = `${registry.host}/app:1`;
  expect(await reasonOf(ensureImage(engine, wish(name, "Never")))).toMatchObject({
    reason: "ErrImageNeverPull",
  });
  expect(registry.requests).toEqual([]);
  const first = await ensureImage(engine, wish(name, "IfNotPresent"));
  expect(first).toEqual({
    id: image.config.descriptor.digest,
    imageID: `${registry.host}/app@${image.manifest.descriptor.digest}`,
    user: "",
    pulled: true,
  });
  const asked = registry.requests.length;
  expect((await ensureImage(engine, wish(name, "IfNotPresent"))).pulled).toBe(false);
  expect((await ensureImage(engine, wish(name, "Never"))).pulled).toBe(false);
  expect(registry.requests).toHaveLength(asked);
  await ensureImage(engine, wish(name, "Always"));
  expect(registry.requests.length).toBeGreaterThan(asked);
});

test("the pod's keys are tried one after the other, and none is ever told", async () => {
  await using registry = mockRegistry({ image });
  lock(registry);
  await using opened = await testEngine();
  const engine = impatient(opened);
  const name = `${registry.host}/app:1`;
  const refused = await reasonOf(
    ensureImage(engine, wish(name, "Always", { secrets: [key(registry.host, "wr0ng")] })),
  );
  expect(refused).toMatchObject({ reason: "ErrImagePull", code: "unauthenticated" });
  expect(`${String(refused)}${JSON.stringify(refused)}`).not.toContain("wr0ng");
  const secrets = [key(registry.host, "wr0ng"), key(registry.host, "s3cret")];
  expect((await ensureImage(engine, wish(name, "Always", { secrets }))).pulled).toBe(true);
});

test("an image that is here serves on while no registry can be reached, and not when one refuses", async () => {
  await using registry = mockRegistry({ image });
  await using opened = await testEngine();
  const engine = impatient(opened);
  const name = `${registry.host}/app:latest`;
  await ensureImage(engine, wish(name, "Always"));
  lock(registry);
  expect(await reasonOf(ensureImage(engine, wish(name, "Always")))).toMatchObject({ reason: "ErrImagePull" });
  await registry[Symbol.asyncDispose]();
  const told: string[] = [];
  const found = await ensureImage(engine, wish(name, "Always", { warn: (text) => told.push(text) }));
  expect(found.pulled).toBe(false);
  expect(told[0]).toContain("is taken as it is here");
  const other = await reasonOf(ensureImage(engine, wish(`${registry.host}/other:1`, "IfNotPresent")));
  expect(other).toMatchObject({ reason: "ErrImagePull", code: "unavailable" });
});

test("pull secrets that are missing are told and passed over", async () => {
  const { meta, objects } = fakeMeta();
  objects.set("secret/a", key("r.example", "x"));
  objects.set("secret/off", "unavailable");
  const told: string[] = [];
  const asked = pod({
    imagePullSecrets: [{ name: "a" }, { name: "off" }, { name: "none" }, { name: "a" }, {}],
  });
  const found = await pullSecrets(asked, {
    meta,
    signal: AbortSignal.timeout(60_000),
    warn: (text) => told.push(text),
  });
  expect(found.map(({ metadata }) => metadata.name)).toEqual(["k"]);
  expect(told).toHaveLength(2);
});
