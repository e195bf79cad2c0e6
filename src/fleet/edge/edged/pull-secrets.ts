/** Which credentials of pull secrets are for a registry. Pure. https://kubernetes.io/docs/concepts/containers/images/#config-json */
import type { Credentials } from "../../../engine/registry/docker-config.ts";
import type { Reference } from "../../../spec/image/reference.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { shown } from "./pod-error.ts";

type Json = Readonly<Record<string, unknown>>;

const types: Readonly<Record<string, { readonly key: string; readonly inner: boolean }>> = {
  "kubernetes.io/dockerconfigjson": { key: ".dockerconfigjson", inner: true },
  "kubernetes.io/dockercfg": { key: ".dockercfg", inner: false },
};
const largest = 1 << 20;
const mostEntries = 1000;

/** The most exact place first. What cannot be read is passed over, and told without its text. */
export function credentialsFor(
  reference: Reference,
  secrets: readonly KubeObject[],
  warn?: (text: string) => void,
): Credentials[] {
  const entries = secrets.flatMap((secret) => {
    const found = entriesOf(secret);
    if (!found) warn?.(`pull secret ${shown(secret.metadata.name)} holds no credentials that can be read`);
    return found ?? [];
  });
  const fitting = entries
    .filter(([place]) => fits(place, reference))
    .toSorted(([a], [b]) => b.length - a.length);
  return fitting.flatMap(([, entry]) => credentialsOf(entry) ?? []);
}

function entriesOf(secret: KubeObject): [string, Json][] | undefined {
  const type = types[String(secret["type"])] ?? undefined;
  const encoded = type && objectOf(secret["data"])?.[type.key];
  if (typeof encoded !== "string" || encoded.length > largest) return undefined;
  try {
    const config = objectOf(JSON.parse(Buffer.from(encoded, "base64").toString("utf8")));
    const places = type?.inner ? objectOf(config?.["auths"]) : config;
    if (!places) return undefined;
    return Object.entries(places)
      .slice(0, mostEntries)
      .flatMap(([place, entry]): [string, Json][] => {
        const fields = objectOf(entry);
        return fields ? [[place.replace(/^https?:\/\//, "").replace(/\/+$/, ""), fields]] : [];
      });
  } catch {
    // The parser's own words would quote the secret.
    return undefined;
  }
}

function objectOf(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

/** `*.example.com`, `example.com/team`, `index.docker.io/v1`: host part by part, port as it is, path as a beginning. */
function fits(place: string, { registry, repository }: Reference): boolean {
  const slash = place.indexOf("/");
  const host = slash < 0 ? place : place.slice(0, slash);
  const path = slash < 0 ? "" : place.slice(slash + 1);
  const isHub =
    /^(?:(?:index|registry-1|registry\.hub)\.)?docker\.(?:io|com)$/.test(host) && registry === "docker.io";
  if (!isHub && !hostFits(host, registry)) return false;
  // The versions of the API that Docker's own files name are no repositories.
  return path === "" || /^v[12]$/.test(path) || repository === path || repository.startsWith(`${path}/`);
}

function hostFits(pattern: string, registry: string): boolean {
  const [asked, has] = [pattern.split(":"), registry.split(":")];
  const [parts, names] = [(asked[0] ?? "").split("."), (has[0] ?? "").split(".")];
  if (asked.slice(1).join(":") !== has.slice(1).join(":") || parts.length !== names.length) return false;
  return parts.every((part, index) => globFits(part, names[index] ?? ""));
}

/** Stars only, each for any letters of one part: matched without going back, whatever a stranger wrote. */
function globFits(pattern: string, name: string): boolean {
  const pieces = pattern.split("*");
  const first = pieces[0] ?? "";
  if (pieces.length === 1) return pattern === name;
  const last = pieces.at(-1) ?? "";
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length)
    return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = name.indexOf(piece, at);
    if (found < 0 || found + piece.length > name.length - last.length) return false;
    at = found + piece.length;
  }
  return true;
}

function credentialsOf(entry: Json): Credentials | undefined {
  const text = (name: string) => (typeof entry[name] === "string" ? entry[name] : "");
  const pair = Buffer.from(text("auth"), "base64").toString("utf8").replace(/\0+$/, "");
  const colon = pair.indexOf(":");
  const username = text("username") || (colon < 0 ? "" : pair.slice(0, colon));
  const identity = text("identitytoken");
  if (identity !== "") return { username, secret: identity, kind: "identity" };
  const secret = text("password") || (colon < 0 ? "" : pair.slice(colon + 1));
  return username === "" && secret === "" ? undefined : { username, secret, kind: "password" };
}
