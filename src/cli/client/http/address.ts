/** Where a daemon listens, as DOCKER_HOST and its kin say it. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { invalid, SampanError } from "../../../base/errors.ts";

/** What TLS shows and trusts: PEM texts. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Whether the daemon's certificate must be one that `ca` (or the system) signed. */
  readonly verify: boolean;
}

export interface Address {
  /** As the person gave it; for errors. */
  readonly text: string;
  /** The path of a unix socket. */
  readonly unix?: string;
  readonly host: string;
  readonly port: number;
  /** A path that stands before each request's. */
  readonly base: string;
  readonly tls?: TlsFiles;
}

type Env = Readonly<Record<string, string | undefined>>;

const plainPort = 2375;
const tlsPort = 2376;

/** Errors: `invalid_argument` for a form that is not known, with the forms that are. */
export function parseAddress(text: string, tls?: TlsFiles): Address {
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/s.exec(text) ?? ["", "tcp", text];
  if (scheme === "unix") {
    if (rest === "") throw invalid(`cannot use host "${text}": wanted the path of a socket`);
    return { text, unix: rest, host: "localhost", port: 0, base: "" };
  }
  if (scheme === "ssh")
    throw new SampanError(
      "unimplemented",
      `cannot use host "${text}": there is no ssh here; forward the socket (ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock HOST) and use unix:///tmp/docker.sock`,
    );
  if (!["tcp", "http", "https"].includes(scheme))
    throw invalid(`cannot use host "${text}": wanted unix:///path or tcp://host:port`);
  return network(text, rest, scheme === "https" ? (tls ?? { verify: true }) : tls);
}

function network(text: string, rest: string, tls: TlsFiles | undefined): Address {
  const url = URL.parse(`http://${rest}`);
  if (!url || rest === "") throw invalid(`cannot use host "${text}": wanted tcp://host:port`);
  // URL leaves out http's own port; a host that gives 80 means 80.
  const port =
    url.port === "" ? (/:80(?:\/|$)/.test(rest) ? 80 : tls ? tlsPort : plainPort) : Number(url.port);
  return {
    text,
    host: url.hostname,
    port,
    base: url.pathname === "/" ? "" : url.pathname.replace(/\/$/, ""),
    ...(tls ? { tls } : {}),
  };
}

/** DOCKER_TLS_VERIFY, DOCKER_TLS and DOCKER_CERT_PATH; undefined when none of them asks for TLS. */
export function tlsFromEnvironment(env: Env): TlsFiles | undefined {
  const verify = (env["DOCKER_TLS_VERIFY"] ?? "") !== "";
  if (!verify && (env["DOCKER_TLS"] ?? "") === "") return undefined;
  const folder = env["DOCKER_CERT_PATH"] || env["DOCKER_CONFIG"] || join(env["HOME"] || homedir(), ".docker");
  return readTls(
    { ca: join(folder, "ca.pem"), cert: join(folder, "cert.pem"), key: join(folder, "key.pem") },
    verify,
  );
}

/** Files that are not there are left out: a daemon may want no certificate of its client. */
export function readTls(
  paths: { readonly ca?: string; readonly cert?: string; readonly key?: string },
  verify: boolean,
): TlsFiles {
  const found = Object.entries(paths).flatMap(([name, path]) => {
    try {
      return [[name, readFileSync(path, "utf8")] as const];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw new SampanError("failed_precondition", `cannot read "${path}": ${(error as Error).message}`, {
        cause: error,
      });
    }
  });
  return { ...Object.fromEntries(found), verify };
}
