/** Debian's docker-registry on a loopback port of its own, with its storage in a temporary folder; ended by its process id. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Needs } from "../needs.ts";
import { freePort } from "./port.ts";

export const registryNeeds: Needs = { programs: ["docker-registry"] };

export interface RegistryOptions {
  /** Basic authentication; nobody else gets in. */
  readonly auth?: { readonly username: string; readonly secret: string };
  /** Files in PEM form. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Whether manifests and blobs can be deleted. */
  readonly delete?: boolean;
}

export interface RunningRegistry extends AsyncDisposable {
  /** `127.0.0.1:34567`. */
  readonly host: string;
  /** `http://127.0.0.1:34567` or https. */
  readonly url: string;
  /** Its storage; blobs lie in docker/registry/v2/blobs. */
  readonly storage: string;
  readonly pid: number;
}

/** Running and answering. Errors: with the log's last lines when it does not within 20 s. */
export async function startRegistry(options: RegistryOptions = {}): Promise<RunningRegistry> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-registry-"));
  const storage = join(folder, "storage");
  const host = `127.0.0.1:${await freePort()}`;
  const config = join(folder, "config.json");
  writeFileSync(config, JSON.stringify(await configuration({ folder, storage, host }, options)));
  const child = Bun.spawn(["docker-registry", "serve", config], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(join(folder, "log")),
    env: { PATH: process.env["PATH"] ?? "", OTEL_TRACES_EXPORTER: "none" },
  });
  const end = async () => {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `${options.tls ? "https" : "http"}://${host}`;
  try {
    await answers(`${url}/v2/`, child);
  } catch (error) {
    const log = await Bun.file(join(folder, "log")).text();
    await end();
    throw new Error(`docker-registry does not answer: ${log.slice(-2000)}`, { cause: error });
  }
  return { host, url, storage, pid: child.pid, [Symbol.asyncDispose]: end };
}

/** JSON is YAML. */
async function configuration(
  { folder, storage, host }: { folder: string; storage: string; host: string },
  { auth, tls, delete: mayDelete }: RegistryOptions,
): Promise<object> {
  if (auth) {
    const hash = await Bun.password.hash(auth.secret, { algorithm: "bcrypt", cost: 4 });
    writeFileSync(join(folder, "htpasswd"), `${auth.username}:${hash}\n`);
  }
  return {
    version: "0.1",
    log: { level: "warn", accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: storage },
      delete: { enabled: mayDelete ?? false },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: host, ...(tls ? { tls: { certificate: tls.certificate, key: tls.key } } : {}) },
    ...(auth ? { auth: { htpasswd: { realm: "test", path: join(folder, "htpasswd") } } } : {}),
  };
}

async function answers(url: string, child: Bun.Subprocess): Promise<void> {
  const until = performance.now() + 20_000;
  for (;;) {
    const response = await fetch(url, { tls: { rejectUnauthorized: false } }).catch(
      (error: unknown) => error,
    );
    if (response instanceof Response) return;
    if (child.exitCode !== null) throw new Error(`it ended with status ${child.exitCode}`);
    if (performance.now() > until) throw new Error("no answer for 20 s", { cause: response });
    await Bun.sleep(20);
  }
}
