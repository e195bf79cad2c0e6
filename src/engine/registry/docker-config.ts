/**
 * The credentials that `docker login` and its kin keep: `config.json` in ~/.docker or the folder that DOCKER_CONFIG names. Secrets stand in it under `auths`, or in a program
 * `docker-credential-<name>` that `credHelpers` (one registry) or `credsStore` (all) names.
 */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { askHelper } from "./_credential-helper.ts";

export interface Credentials {
  readonly username: string;
  readonly secret: string;
  /** `identity`: the secret is a refresh token of the registry's token server. */
  readonly kind: "password" | "identity";
}

export interface DockerConfig {
  /** Errors: `failed_precondition` when the file or the helper cannot be used. */
  find(registry: string, signal?: AbortSignal): Promise<Credentials | undefined>;
  store(registry: string, credentials: Credentials, signal?: AbortSignal): Promise<void>;
  /** Whether there was something to forget. */
  erase(registry: string, signal?: AbortSignal): Promise<boolean>;
}

type Json = Record<string, unknown>;

export function dockerConfigFolder(environment: Readonly<Record<string, string | undefined>>): string {
  return environment["DOCKER_CONFIG"] || join(environment["HOME"] || homedir(), ".docker");
}

/** The name under which a registry's secret is kept; Docker's hub has an address of its first version. */
export function serverOf(registry: string): string {
  return registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
}

/** `folder` holds config.json; it is read each time anew, and need not exist. */
export function openDockerConfig(folder: string): DockerConfig {
  const path = join(folder, "config.json");
  return {
    async find(registry, signal) {
      const config = read(path);
      const helper = helperOf(config, registry);
      const kept = helper && (await askHelper(helper, "get", { server: serverOf(registry) }, signal));
      return kept ? kept : fromAuths(config, registry);
    },
    async store(registry, credentials, signal) {
      const config = read(path);
      const helper = helperOf(config, registry);
      if (helper) await askHelper(helper, "store", { server: serverOf(registry), credentials }, signal);
      const entry = helper ? {} : entryOf(credentials);
      await write(folder, path, {
        ...config,
        auths: { ...withoutRegistry(config, registry), [serverOf(registry)]: entry },
      });
    },
    async erase(registry, signal) {
      const config = read(path);
      const helper = helperOf(config, registry);
      const kept = helper && (await askHelper(helper, "get", { server: serverOf(registry) }, signal));
      if (helper && kept) await askHelper(helper, "erase", { server: serverOf(registry) }, signal);
      const auths = objectOf(config["auths"]);
      const rest = withoutRegistry(config, registry);
      if (Object.keys(rest).length === Object.keys(auths).length) return kept !== undefined;
      await write(folder, path, { ...config, auths: rest });
      return true;
    },
  };
}

function read(path: string): Json {
  try {
    const config = JSON.parse(readFileSync(path, "utf8")) as unknown;
    if (typeof config === "object" && config !== null && !Array.isArray(config)) return config as Json;
    throw new Error("it holds no JSON object");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    // Not the error's own text: a parser may quote the secret it stumbled over.
    const why = (error as NodeJS.ErrnoException).code ?? "it is not a JSON object";
    throw new SampanError("failed_precondition", `cannot read credentials "${path}": ${why}`);
  }
}

async function write(folder: string, path: string, config: Json): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomUUID()}`;
  try {
    await writeFile(temporary, `${JSON.stringify(config, undefined, "\t")}\n`, { mode: 0o600, flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new SampanError(
      "failed_precondition",
      `cannot write credentials "${path}": ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}

function helperOf(config: Json, registry: string): string | undefined {
  const own = objectOf(config["credHelpers"]);
  const found = keysOf(registry).find((key) => typeof own[key] === "string");
  const name = found === undefined ? config["credsStore"] : own[found];
  return typeof name === "string" && name !== "" ? name : undefined;
}

function fromAuths(config: Json, registry: string): Credentials | undefined {
  const auths = objectOf(config["auths"]);
  const entry = keysIn(auths, registry)
    .map((key) => objectOf(auths[key]))
    .find((each) => Object.keys(each).length > 0);
  return entry && credentialsOf(entry);
}

/** The exact name first, then any address of the same host. */
function keysIn(auths: Json, registry: string): string[] {
  const wanted = new Set(keysOf(registry));
  const exact = [...wanted].filter((key) => Object.hasOwn(auths, key));
  return [...exact, ...Object.keys(auths).filter((key) => !wanted.has(key) && wanted.has(hostOf(key)))];
}

function keysOf(registry: string): string[] {
  return registry === "docker.io"
    ? [serverOf(registry), "docker.io", "index.docker.io", "registry-1.docker.io"]
    : [registry];
}

function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/.*$/s, "");
}

function withoutRegistry(config: Json, registry: string): Json {
  const auths = objectOf(config["auths"]);
  const gone = new Set(keysIn(auths, registry));
  return Object.fromEntries(Object.entries(auths).filter(([key]) => !gone.has(key)));
}

function entryOf({ username, secret, kind }: Credentials): Json {
  const encoded = (text: string) => Buffer.from(text).toString("base64");
  return kind === "identity"
    ? { auth: encoded(`${username}:`), identitytoken: secret }
    : { auth: encoded(`${username}:${secret}`) };
}

function credentialsOf(entry: Json): Credentials | undefined {
  const text = (name: string) => (typeof entry[name] === "string" ? entry[name] : "");
  const pair = Buffer.from(text("auth"), "base64").toString().replace(/\0+$/, "");
  const colon = pair.indexOf(":");
  const username = colon < 0 ? text("username") : pair.slice(0, colon);
  const identity = text("identitytoken");
  if (identity !== "") return { username, secret: identity, kind: "identity" };
  const secret = colon < 0 ? text("password") : pair.slice(colon + 1);
  return username === "" && secret === "" ? undefined : { username, secret, kind: "password" };
}

function objectOf(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}
