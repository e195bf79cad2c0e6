/** What a kubeconfig says of one cluster and one user: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ */
import { readFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { invalid, SampanError } from "../../../base/errors.ts";

export interface Connection {
  readonly server: URL;
  /** PEM. Without it the machine's own authorities count. */
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly serverName: string | undefined;
  readonly insecure: boolean;
  /** Of the header Authorization; asked before each request, since a file may be renewed. */
  readonly authorization: () => string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const largest = 4 << 20;

/** Errors: `not_found`, `invalid_argument` that names what is wrong, `unimplemented` for ways to log in that run programs. */
export async function readKubeconfig(path: string, context?: string): Promise<Connection> {
  const { parse } = await import("yaml");
  let config: Fields;
  try {
    config = fields(parse(readBounded(path), { maxAliasCount: 100 }));
  } catch (error) {
    if (error instanceof SampanError) throw error;
    throw invalid(`cannot use kubeconfig "${path}": it is no YAML`);
  }
  const say = (words: string) => invalid(`cannot use kubeconfig "${path}": ${words}`);
  const name = context ?? text(config["current-context"]);
  if (name === undefined || name === "") throw say("it has no current-context, wanted --context");
  const chosen = named(config["contexts"], name, "context");
  if (!chosen) throw say(`it has no context "${name}"`);
  const cluster = named(config["clusters"], text(chosen["cluster"]) ?? "", "cluster");
  if (!cluster) throw say(`context "${name}" names no cluster that is there`);
  const userName = text(chosen["user"]) ?? "";
  const user = userName === "" ? {} : named(config["users"], userName, "user");
  if (!user) throw say(`it has no user "${userName}"`);
  for (const what of ["exec", "auth-provider"])
    if (user[what] !== undefined && user[what] !== null)
      throw new SampanError(
        "unimplemented",
        `cannot use kubeconfig "${path}": user "${userName}" logs in by a program (${what}), which is not run; wanted a certificate or a token, for instance of a service account`,
      );
  if (text(cluster["proxy-url"])) throw say("it wants a proxy, which is not supported");
  const server = serverOf(text(cluster["server"]), say);
  const file = (entry: Fields, field: string) => contentOf(entry, field, { folder: dirname(path), say });
  return {
    server,
    ca: file(cluster, "certificate-authority"),
    certificate: file(user, "client-certificate"),
    key: file(user, "client-key"),
    serverName: text(cluster["tls-server-name"]),
    insecure: cluster["insecure-skip-tls-verify"] === true,
    authorization: authorizationOf(user, dirname(path)),
  };
}

function readBounded(path: string): string {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    const { code } = error as { readonly code?: string };
    throw new SampanError(
      code === "ENOENT" ? "not_found" : "permission_denied",
      `cannot read "${path}": ${(error as Error).message}`,
      { cause: error },
    );
  }
  if (content.length > largest)
    throw invalid(`cannot read "${path}": it has ${content.length} bytes, wanted at most ${largest}`);
  return content.toString();
}

function serverOf(given: string | undefined, say: (words: string) => SampanError): URL {
  if (given === undefined || !URL.canParse(given)) throw say("its cluster has no server");
  const server = new URL(given);
  if (server.protocol !== "https:") throw say(`its server is "${given}", wanted https`);
  return server;
}

/** `name-data` in base64, or `name` as a path that begins at the kubeconfig. */
function contentOf(
  entry: Fields,
  field: string,
  { folder, say }: { folder: string; say: (words: string) => SampanError },
): string | undefined {
  const data = text(entry[`${field}-data`]);
  if (data !== undefined && data !== "") {
    const content = Buffer.from(data, "base64").toString();
    if (!content.includes("-----BEGIN")) throw say(`${field}-data is not PEM in base64`);
    return content;
  }
  const path = text(entry[field]);
  if (path === undefined || path === "") return undefined;
  return readBounded(isAbsolute(path) ? path : join(folder, path));
}

/** Milliseconds for which a file with a token is not read again. */
const fresh = 60_000;

function authorizationOf(user: Fields, folder: string): () => string | undefined {
  const file = text(user["tokenFile"]);
  if (file !== undefined && file !== "") {
    const path = isAbsolute(file) ? file : join(folder, file);
    let kept: { readonly value: string; readonly at: number } | undefined;
    return () => {
      if (!kept || Date.now() - kept.at > fresh)
        kept = { value: `Bearer ${readBounded(path).trim()}`, at: Date.now() };
      return kept.value;
    };
  }
  const token = text(user["token"]);
  if (token !== undefined && token !== "") return () => `Bearer ${token}`;
  const name = text(user["username"]);
  if (name === undefined || name === "") return () => undefined;
  const pair = `${name}:${text(user["password"]) ?? ""}`;
  return () => `Basic ${Buffer.from(pair).toString("base64")}`;
}

function named(list: unknown, name: string, field: string): Fields | undefined {
  if (!Array.isArray(list)) return undefined;
  const found = list.map(fields).find((entry) => entry["name"] === name);
  return found ? fields(found[field]) : undefined;
}

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
