/** Credentials that a request brings along, in X-Registry-Auth or in the body of POST /auth. They serve that request alone. */
import { invalid } from "../../base/errors.ts";
import type { LiveEngine } from "../../engine/engine.ts";
import type { Credentials } from "../../engine/registry/docker-config.ts";
import type { Registries } from "../../engine/registry/registry.ts";
import { defaultRegistry, parseReference } from "../../spec/image/reference.ts";
import { notThere } from "./errors.ts";
import type { Call } from "./route.ts";

/** A token of a registry's own making can be long. */
const longest = 64 << 10;

/** Docker's AuthConfig; undefined for one that names nobody. */
export function credentialsOf(value: unknown): Credentials | undefined {
  if (typeof value !== "object" || value === null)
    throw invalid("cannot read the credentials: wanted an object of JSON");
  const field = (name: string): string => {
    const text = (value as Record<string, unknown>)[name] ?? "";
    if (typeof text !== "string") throw invalid(`cannot read the credentials: "${name}" is not a text`);
    return text;
  };
  if (field("registrytoken"))
    throw notThere("credentials with a registrytoken are not there: wanted a password or an identitytoken");
  const username = field("username");
  const identity = field("identitytoken");
  if (identity) return { username, secret: identity, kind: "identity" };
  return username === "" ? undefined : { username, secret: field("password"), kind: "password" };
}

/** Of X-Registry-Auth: base64url, with or without padding. */
export function callerOf({ headers }: Pick<Call, "headers">): Credentials | undefined {
  const header = headers["x-registry-auth"];
  if (typeof header !== "string" || header.trim() === "") return undefined;
  if (header.length > longest) throw invalid("cannot read X-Registry-Auth: it is too long");
  return credentialsOf(decoded(header));
}

function decoded(header: string): unknown {
  try {
    return JSON.parse(Buffer.from(header, "base64url").toString("utf8"));
  } catch {
    throw invalid("cannot read X-Registry-Auth: it is not JSON in base64url");
  }
}

/** The registries as the caller of a request may use them for an image. */
export function registriesFor(
  registries: Registries,
  call: Pick<Call, "headers">,
  image: string,
): Registries {
  const credentials = callerOf(call);
  return credentials ? registries.as(parseReference(image).registry, credentials) : registries;
}

/** The engine with other registries. */
export function withRegistries(engine: LiveEngine, registries: Registries) {
  const { settings, store, content, leases, gc, snapshots, unpacker, images, containers, events } = engine;
  return {
    settings,
    store,
    content,
    leases,
    gc,
    snapshots,
    unpacker,
    images,
    containers,
    events,
    registries,
  };
}

/** `https://index.docker.io/v1/`, `https://host:5000/v2/`, `host`: the registry that is meant. */
export function registryOf(address: string): string {
  const host = address.replace(/^https?:\/\//i, "").split("/", 1)[0] ?? "";
  return host === "" || host === "index.docker.io" || host === "registry-1.docker.io"
    ? defaultRegistry
    : host;
}
