/** /openapi/v2 and /openapi/v3: documents made from what is served, kept until that changes. */
import { createHash } from "node:crypto";
import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import type { Resource, Resources } from "../resource.ts";
import { parseAccept } from "./accept.ts";
import { send, sendObject } from "./answer.ts";
import { servedGroups } from "./discovery.ts";
import type { Exchange } from "./exchange.ts";
import { encodeDocument } from "./openapi-protobuf.ts";

/** Makes the documents. */
export interface OpenApi {
  readonly v2: (resources: readonly Resource[]) => object;
  readonly v3: (
    resources: readonly Resource[],
    groupVersion: { readonly group: string; readonly version: string },
  ) => object;
}

interface Kept {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

/** Made when first asked for, thrown away when what is served changes. */
export class Documents {
  readonly #make: OpenApi;
  readonly #resources: Resources;
  #generation = -1;
  readonly #kept = new Map<string, Kept>();

  constructor(make: OpenApi, resources: Resources) {
    this.#make = make;
    this.#resources = resources;
  }

  v2(form: "json" | "protobuf"): Kept {
    return this.#get(`v2 ${form}`, () => {
      const document = this.#make.v2(this.#resources.all());
      return form === "json" ? Buffer.from(JSON.stringify(document)) : encodeDocument(document);
    });
  }

  /** Undefined when nothing is served there. */
  v3(group: string, version: string): Kept | undefined {
    const all = this.#resources.all();
    if (!all.some((each) => each.group === group && each.version === version)) return undefined;
    return this.#get(`v3 ${group}/${version}`, () =>
      Buffer.from(JSON.stringify(this.#make.v3(all, { group, version }))),
    );
  }

  /**
   * The list of /openapi/v3. A version's hash is of what is served there, not of its document, so that documents are made only for those who read them.
   */
  index(): object {
    const paths: Record<string, object> = {};
    for (const { name, versions } of servedGroups(this.#resources.all()))
      for (const { version } of versions) {
        const path = name === "" ? `api/${version}` : `apis/${name}/${version}`;
        paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${this.hash(name, version)}` };
      }
    return { paths };
  }

  hash(group: string, version: string): string {
    return createHash("sha256")
      .update(JSON.stringify([group, version, process.pid, started, this.#resources.generation]))
      .digest("hex")
      .toUpperCase();
  }

  #get(name: string, make: () => Uint8Array): Kept {
    if (this.#generation !== this.#resources.generation) this.#kept.clear();
    this.#generation = this.#resources.generation;
    const known = this.#kept.get(name);
    if (known) return known;
    const bytes = make();
    const kept = { bytes, etag: etagOf(bytes) };
    this.#kept.set(name, kept);
    return kept;
  }
}

const started = Date.now();

export function etagOf(bytes: Uint8Array): string {
  return `"${createHash("sha256").update(bytes).digest("hex").toUpperCase()}"`;
}

/** Sends bytes with their tag, or 304 to who has them. */
export async function sendTagged(exchange: Exchange, type: string, { bytes, etag }: Kept): Promise<void> {
  const { request, response } = exchange;
  const known = String(request.headers["if-none-match"] ?? "").split(/\s*,\s*/);
  response.setHeader("ETag", etag);
  response.appendHeader("Vary", "Accept");
  if (known.includes(etag)) return void response.writeHead(304).end();
  await send(exchange, { code: 200, type, body: bytes });
}

const protobufTypes = [
  "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
  "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
] as const;

export async function serveV2(exchange: Exchange, documents: Documents): Promise<void> {
  for (const { type } of parseAccept(exchange.request.headers.accept)) {
    if (["application/json", "*/*", "application/*"].includes(type))
      return await sendTagged(exchange, "application/json", documents.v2("json"));
    // The name with @, which some ask for, is no media type that they could read.
    if (protobufTypes.some((each) => each === type))
      return await sendTagged(exchange, protobufTypes[0], documents.v2("protobuf"));
  }
  throw new KubeError("NotAcceptable", `only the following media types are accepted: application/json`);
}

/** `path`: what follows /openapi/v3. False when there is nothing. */
export async function serveV3(exchange: Exchange, documents: Documents, path: string): Promise<boolean> {
  if (path === "") {
    await sendObject(exchange, documents.index(), { form: { syntax: "json" } });
    return true;
  }
  const match = /^\/(?:api\/([^/]+)|apis\/([^/]+)\/([^/]+))$/.exec(path);
  if (!match) return false;
  const [, core, group = "", named] = match;
  const version = core ?? named ?? "";
  const found = documents.v3(group, version);
  if (!found) return false;
  if (exchange.info.query.get("hash") === documents.hash(group, version))
    exchange.response.setHeader("Cache-Control", "public, immutable");
  await sendTagged(exchange, "application/json", found);
  return true;
}
