/** hosts.toml as containerd has it, against Debian's docker-registry: mirrors, authorities, client certificates, plain HTTP. */
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRegistries } from "../../src/engine/registry/open.ts";
import type { Repository } from "../../src/engine/registry/registry.ts";
import { makeImage } from "../images/image.ts";
import { pushImage } from "../images/push.ts";
import { needing, obstacle } from "../needs.ts";
import { failure } from "../pull/parts.ts";
import { plainSettings } from "./_client.ts";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { registryNeeds, startRegistry, type RunningRegistry } from "./docker-registry.ts";
import { type Behaviour, servingImage, startMock } from "./mock.ts";
import { freePort } from "./port.ts";

const needs = { programs: [...(registryNeeds.programs ?? []), "openssl"] };
const { test } = needing(needs);
const usable = obstacle(needs) === undefined;

const image = makeImage({ layers: [[{ name: "hello", content: "hello\n".repeat(1000) }]] });
const digest = image.manifest.descriptor.digest;
const layer = image.layers[0] ?? image.config;
const folder = mkdtempSync(join(tmpdir(), "sampan-hosts-"));
let certificates: Certificates;
let plain: RunningRegistry;
let secure: RunningRegistry;

beforeAll(async () => {
  if (!usable) return;
  certificates = makeCertificates();
  plain = await startRegistry();
  secure = await startRegistry({ tls: certificates });
  await pushImage({ url: plain.url, repository: "library/app" }, image, "1");
  await pushImage({ url: secure.url, repository: "library/app", ca: certificates.pem }, image, "1");
});

afterAll(async () => {
  if (usable) {
    await plain[Symbol.asyncDispose]();
    await secure[Symbol.asyncDispose]();
    certificates[Symbol.dispose]();
  }
  rmSync(folder, { recursive: true, force: true });
});

let made = 0;
/** A certs.d with hosts.toml for names; `open` takes it for its own. */
function hosts(files: Readonly<Record<string, string>>): string {
  const root = join(folder, `certs${made++}`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, name, "hosts.toml"), text);
  }
  return root;
}

/** Whatever is asked after the path. */
const serving: Behaviour = (request) =>
  servingImage(image)({ ...request, path: request.path.replace(/\?.*/, "") });

const open = (root: string) =>
  openRegistries({}, { dockerConfig: "/nonexistent", hosts: [root], patience: { tries: 1 } });
const app = (root: string, registry = "registry.invalid") =>
  open(root).repository(`${registry}/library/app`, "pull");

async function expectWhole(repository: Repository): Promise<void> {
  expect((await repository.manifest("1")).descriptor.digest).toBe(digest);
  expect(await new Response((await repository.blob(layer.descriptor, 0)).body).bytes()).toEqual(layer.bytes);
}

test("a mirror is asked in the place of the registry, with the authority that stands beside the file", async () => {
  const root = hosts({ "registry.invalid": `[host."https://${secure.host}"]\nca = "ca.crt"` });
  writeFileSync(join(root, "registry.invalid", "ca.crt"), certificates.pem);
  await expectWhole(app(root));
  const without = hosts({ "registry.invalid": `server = "https://${secure.host}"` });
  expect(await failure(app(without).manifest("1"))).toMatchObject({ code: "unavailable" });
  const careless = hosts({ "registry.invalid": `server = "https://${secure.host}"\nskip_verify = true` });
  await expectWhole(app(careless));
});

test("mirrors that fail are passed over for the next one and then the server, and told of when all fail", async () => {
  const dead = `127.0.0.1:${await freePort()}`;
  using broken = await startMock(() => ({ status: 500 }));
  const mirrors = `[host."https://${dead}"]\n[host."http://${broken.host}"]\n`;
  await expectWhole(app(hosts({ "registry.invalid": `server = "http://${plain.host}"\n${mirrors}` })));
  expect(broken.requests.length).toBeGreaterThan(0);
  const failed = await failure(
    app(hosts({ "registry.invalid": `server = "http://${dead}"\n${mirrors}` })).manifest("1"),
  );
  expect(failed.message).toContain(`(before it, mirror "${dead}":`);
  expect(failed.message).toContain(`"${broken.host}": registry "${broken.host}" answered`);
});

test("a mirror that gives no answer is waited for once", async () => {
  using silent = await startMock(() => ({ silent: true }));
  const root = hosts({
    "registry.invalid": `server = "http://${plain.host}"\n[host."http://${silent.host}"]`,
  });
  const options = { dockerConfig: "/nonexistent", hosts: [root], patience: { head: 500 } };
  await expectWhole(openRegistries({}, options).repository("registry.invalid/library/app", "pull"));
  expect(silent.requests).toHaveLength(1);
});

test("who may only pull is not asked what a tag means, and is told which registry is meant", async () => {
  using mirror = await startMock(serving);
  const root = hosts({
    "registry.invalid": `server = "http://${plain.host}"\n[host."http://${mirror.host}"]\ncapabilities = ["pull"]`,
  });
  const repository = app(root);
  await repository.manifest("1");
  expect(mirror.requests).toEqual([]);
  await repository.manifest(digest);
  expect(mirror.requests.map(({ path }) => path)).toEqual([
    `/v2/library/app/manifests/${digest}?ns=registry.invalid`,
  ]);
  const nobody = hosts({ "registry.invalid": `capabilities = ["push"]` });
  expect(await failure(app(nobody).manifest("1"))).toMatchObject({
    code: "failed_precondition",
    message: expect.stringContaining(`none of its servers has the capability "resolve"`),
  });
});

test("a registry that wants a certificate of its clients gets the one that is named, or the next", async () => {
  const pem = {
    cert: readFileSync(certificates.certificate, "utf8"),
    key: readFileSync(certificates.key, "utf8"),
  };
  using mock = await startMock(serving, {
    tls: { ...pem, ca: certificates.pem, requestCert: true, rejectUnauthorized: true },
  });
  using others = makeCertificates();
  const right = `["${certificates.certificate}", "${certificates.key}"]`;
  const wrong = `["${others.certificate}", "${others.key}"]`;
  const server = `server = "https://${mock.host}"\nca = "${certificates.authority}"\n`;
  await expectWhole(app(hosts({ "registry.invalid": `${server}client = [${right}]` })));
  await expectWhole(app(hosts({ "registry.invalid": `${server}client = [${wrong}, ${right}]` })));
  const both = join(folder, "both.pem");
  writeFileSync(both, pem.cert + pem.key);
  await expectWhole(app(hosts({ "registry.invalid": `${server}client = "${both}"` })));
  expect((await failure(app(hosts({ "registry.invalid": server })).manifest("1"))).code).toBe("unavailable");
});

test("headers go to the host that they are for, and to nobody that it leads to", async () => {
  using elsewhere = await startMock(() => ({ body: layer.bytes }));
  using mirror = await startMock((request) =>
    request.path.includes("/blobs/")
      ? { status: 307, headers: { Location: `${elsewhere.url}/signed` } }
      : serving(request),
  );
  const entry = `[host."http://${mirror.host}"]\n[host."http://${mirror.host}".header]\nx-key = ["a", "b"]`;
  await expectWhole(app(hosts({ "registry.invalid": entry })));
  for (const { headers } of mirror.requests) expect(headers["x-key"]).toBe("a, b");
  expect(elsewhere.requests.map(({ headers }) => headers["x-key"])).toEqual([undefined]);
});

test("a path that stands for the API is taken as it is", async () => {
  using mock = await startMock((request) =>
    request.path.startsWith("/registry/library/")
      ? serving({ ...request, path: request.path.replace("/registry/", "/v2/") })
      : { status: 404 },
  );
  const server = `server = "http://${mock.host}/registry"\n`;
  await expectWhole(app(hosts({ "registry.invalid": `${server}override_path = true` })));
  expect((await failure(app(hosts({ "registry.invalid": server })).manifest("1"))).code).toBe("not_found");
});

test("a registry with a port has its folder under either name, and all others share one", async () => {
  const text = `server = "http://${plain.host}"`;
  const wrong = `server = "http://127.0.0.1:1"`;
  await expectWhole(
    app(hosts({ "registry.invalid_5000_": text, "registry.invalid:5000": wrong }), "registry.invalid:5000"),
  );
  await expectWhole(app(hosts({ "registry.invalid:5000": text, _default: wrong }), "registry.invalid:5000"));
  await expectWhole(app(hosts({ _default: text })));
});

test("a folder with certificates alone is as Docker's", async () => {
  const root = hosts({ [secure.host]: "" });
  rmSync(join(root, secure.host, "hosts.toml"));
  writeFileSync(join(root, secure.host, "ca.crt"), certificates.pem);
  await expectWhole(app(root, secure.host));
});

test("what the settings say of a registry goes before its folder", async () => {
  const root = hosts({ "registry.invalid": `server = "http://127.0.0.1:1"` });
  const settings = { ...plainSettings, mirrors: [plain.url] };
  const options = { dockerConfig: "/nonexistent", hosts: [root], patience: { tries: 1 } };
  const registries = openRegistries({ "registry.invalid": settings }, options);
  await expectWhole(registries.repository("registry.invalid/library/app", "pull"));
});

test("a wrong file is the fault of its registry alone, and one that is put right is read at once", async () => {
  const root = hosts({
    "registry.invalid": `sever = "x"`,
    "other.invalid": `server = "http://${plain.host}"`,
  });
  const registries = open(root);
  const path = join(root, "registry.invalid", "hosts.toml");
  expect(() => registries.repository("registry.invalid/library/app", "pull")).toThrow(
    `cannot use "${path}": there is no table "sever"; the nearest is "server"`,
  );
  await expectWhole(registries.repository("other.invalid/library/app", "pull"));
  writeFileSync(path, `server = "http://${plain.host}"\nca = "none.pem"`);
  expect(() => registries.repository("registry.invalid/library/app", "pull")).toThrow(`${path}: ca names`);
  writeFileSync(path, `server = "http://${plain.host}"`);
  await expectWhole(registries.repository("registry.invalid/library/app", "pull"));
});

test("credentials for a registry go to its server, not to its mirrors", async () => {
  const seen: (string | undefined)[] = [];
  const wants = { status: 401, headers: { "WWW-Authenticate": 'Basic realm="x"' } };
  using mirror = await startMock(({ headers }) => {
    seen.push(headers["authorization"]);
    return wants;
  });
  using server = await startMock((request) =>
    request.headers["authorization"] === `Basic ${btoa("ann:secret")}` ? serving(request) : wants,
  );
  const root = hosts({
    "registry.invalid": `server = "http://${server.host}"\n[host."http://${mirror.host}"]`,
  });
  const ann = { username: "ann", secret: "secret", kind: "password" } as const;
  await expectWhole(
    open(root).as("registry.invalid", ann).repository("registry.invalid/library/app", "pull"),
  );
  expect(seen.length).toBeGreaterThan(0);
  expect(new Set(seen)).toEqual(new Set([undefined]));
});

test("a host that answers no connection is given up in its own time", async () => {
  // Of a network for documentation: nobody is there (RFC 5737).
  const root = hosts({
    "registry.invalid": `server = "http://${plain.host}"\n[host."http://192.0.2.1:5000"]\ndial_timeout = "50ms"`,
  });
  await expectWhole(app(root));
  const alone = hosts({ "registry.invalid": `server = "http://192.0.2.1:5000"\ndial_timeout = "50ms"` });
  expect((await failure(app(alone).manifest("1"))).code).toBe("unavailable");
});

test("a push goes to the first server that takes it", async () => {
  using mirror = await startMock(serving);
  const root = hosts({
    "registry.invalid": `server = "http://${plain.host}"\n[host."http://${mirror.host}"]\ncapabilities = ["pull", "resolve"]`,
  });
  const target = open(root).repository("registry.invalid/pushed", "pull,push");
  for (const blob of [image.config, ...image.layers]) {
    const path = join(folder, blob.descriptor.digest.slice(7));
    writeFileSync(path, blob.bytes);
    expect(await target.putBlob(blob.descriptor, path)).not.toBe("existed");
  }
  expect(await target.putManifest("1", image.manifest.bytes, image.manifest.descriptor.mediaType)).toBe(
    digest,
  );
  expect(mirror.requests).toEqual([]);
});

test("a proxy is asked for what its host has, and nobody else", async () => {
  using proxy = await startMock((request) =>
    serving({ ...request, path: request.path.replace("http://registry.invalid:5000", "") }),
  );
  const root = hosts({
    "registry.invalid": `server = "http://${plain.host}"\n[host."http://registry.invalid:5000"]\ncapabilities = ["pull"]\nproxy = "${proxy.url}"`,
  });
  await expectWhole(app(root));
  expect(proxy.requests.map(({ path }) => path)).toEqual([
    `http://registry.invalid:5000/v2/library/app/blobs/${layer.descriptor.digest}?ns=registry.invalid`,
  ]);
});
