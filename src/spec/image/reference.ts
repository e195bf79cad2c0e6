/**
 * Names of images as people write them and as they are kept, by the grammar and the normalisation of Docker's reference package:
 * `alpine` is `docker.io/library/alpine:latest`. The first part is a registry only when it has a dot, a colon or an upper-case letter, or is `localhost`.
 */
import { invalid } from "../../base/errors.ts";
import { isDigest, type Digest } from "./digest.ts";

export interface Reference {
  /** `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  /** `library/alpine`. */
  readonly repository: string;
  readonly tag?: string;
  /** Where both are given the digest decides, and the tag is only a name. */
  readonly digest?: Digest;
}

export const defaultRegistry = "docker.io";
const officialNamespace = "library/";

const label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const host = String.raw`(?:${label}(?:\.${label})*|\[[a-fA-F0-9:]+\])`;
const registryForm = new RegExp(String.raw`^${host}(?::[0-9]+)?$`);
const repositoryForm = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagForm = /^\w[\w.-]{0,127}$/;
const imageId = /^[a-f0-9]{64}$/;

const limits = { text: 4096, registry: 255, repository: 255 } as const;

export function isTag(text: string): boolean {
  return tagForm.test(text);
}

/** The tag is `latest` when neither tag nor digest is given. Errors: `invalid_argument`. */
export function parseReference(text: string): Reference {
  const refuse = (why: string) => invalid(`cannot read image name "${text.slice(0, 300)}": ${why}`);
  if (text === "") throw refuse("it is empty");
  if (text.length > limits.text) throw refuse(`it has more than ${limits.text} characters`);
  if (imageId.test(text)) throw refuse("64 hexadecimal digits are an image id, not a name");
  const { rest, digest } = splitDigest(text);
  if (digest !== undefined && !isDigest(digest)) throw refuse("after @ comes no sha256 or sha512 digest");
  const { name, tag } = splitTag(rest);
  if (tag !== undefined && !tagForm.test(tag))
    throw refuse("a tag is up to 128 letters, digits, _, . and -, and begins with neither . nor -");
  const { registry, repository } = splitRegistry(name);
  if (!registryForm.test(registry) || registry.length > limits.registry)
    throw refuse(`"${registry.slice(0, 300)}" is not a registry's host and port`);
  if (!portFits(registry)) throw refuse("a port is a number from 1 to 65535");
  if (repository !== repository.toLowerCase()) throw refuse("a repository's name must be lower-case");
  if (!repositoryForm.test(repository))
    throw refuse("a repository's name is made of a-z and 0-9, parted by single . _ __ or - and by /");
  if (repository.length > limits.repository)
    throw refuse(`a repository's name has at most ${limits.repository} characters`);
  const kept = tag ?? (digest === undefined ? "latest" : undefined);
  return {
    registry,
    repository,
    ...(kept === undefined ? {} : { tag: kept }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** `docker.io/library/alpine`: what a registry client and a blob's sources go by. */
export function repositoryName(reference: Reference): string {
  return `${reference.registry}/${reference.repository}`;
}

/** The name as it is kept: `docker.io/library/alpine:latest`, `…@sha256:…`, or with both. */
export function normalName(reference: Reference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${repositoryName(reference)}${tag}${digest}`;
}

/** The short form of a kept name, with or without tag: `docker.io/library/alpine:latest` is `alpine:latest`. What would then be read as another name stays long. */
export function familiarName(name: string): string {
  const prefix = `${defaultRegistry}/`;
  if (!name.startsWith(prefix)) return name;
  const path = name.slice(prefix.length);
  const official = path.slice(officialNamespace.length);
  const short =
    path.startsWith(officialNamespace) && !repositoryPart(official).includes("/") ? official : path;
  return splitRegistry(repositoryPart(short)).registry === defaultRegistry && !imageId.test(short)
    ? short
    : name;
}

function repositoryPart(text: string): string {
  return splitTag(splitDigest(text).rest).name;
}

function splitDigest(text: string): { rest: string; digest: string | undefined } {
  const at = text.indexOf("@");
  return at < 0 ? { rest: text, digest: undefined } : { rest: text.slice(0, at), digest: text.slice(at + 1) };
}

/** A colon before the last slash belongs to the registry's port. */
function splitTag(text: string): { name: string; tag: string | undefined } {
  const colon = text.indexOf(":", text.lastIndexOf("/") + 1);
  return colon < 0
    ? { name: text, tag: undefined }
    : { name: text.slice(0, colon), tag: text.slice(colon + 1) };
}

function splitRegistry(name: string): { registry: string; repository: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const given = slash >= 0 && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  const registry = given ? first : defaultRegistry;
  const repository = given ? name.slice(slash + 1) : name;
  if (registry !== defaultRegistry && registry !== "index.docker.io") return { registry, repository };
  const full = repository.includes("/") ? repository : `${officialNamespace}${repository}`;
  return { registry: defaultRegistry, repository: full };
}

function portFits(registry: string): boolean {
  const port = /:([0-9]+)$/.exec(registry)?.[1];
  return port === undefined || registry.endsWith("]") || (Number(port) > 0 && Number(port) <= 65_535);
}
