/** What the tests of the registry client share. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRegistries } from "../../src/engine/registry/open.ts";
import type { Registries, Repository } from "../../src/engine/registry/registry.ts";
import type { RegistrySettings } from "../../src/engine/settings.ts";
import { makeImage } from "../images/image.ts";

export const image = makeImage({
  layers: [[{ name: "hello", content: "hello\n".repeat(20_000) }]],
  compression: "plain",
});
export const layer = image.layers[0] ?? image.config;

export const plainSettings: RegistrySettings = {
  mirrors: [],
  http: true,
  ca: undefined,
  clientCertificate: undefined,
  clientKey: undefined,
  skipVerify: false,
};

export interface Opened {
  readonly registries: Registries;
  /** Milliseconds of each pause that was asked for; none is waited. */
  readonly pauses: readonly number[];
  readonly pulling: (host: string, path?: string) => Repository;
  readonly pushing: (host: string, path?: string) => Repository;
}

export function open(
  settings: Readonly<Record<string, RegistrySettings>>,
  options: { dockerConfig?: string; idle?: number } = {},
): Opened {
  const pauses: number[] = [];
  const limit = options.idle ?? 60_000;
  const registries = openRegistries(settings, {
    dockerConfig: options.dockerConfig ?? "/nonexistent",
    patience: {
      head: limit,
      idle: limit,
      commit: limit,
      random: () => 0.5,
      wait: async (milliseconds) => void pauses.push(milliseconds),
    },
  });
  return {
    registries,
    pauses,
    pulling: (host, path = "library/app") => registries.repository(`${host}/${path}`, "pull"),
    pushing: (host, path = "library/app") => registries.repository(`${host}/${path}`, "pull,push"),
  };
}

/** A folder with config.json for as long as it is used. */
export function dockerConfig(config: object): Disposable & { readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "sampan-docker-config-"));
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

export function basic(username: string, secret: string): string {
  return `Basic ${btoa(`${username}:${secret}`)}`;
}

/** The error's code that a promise ends with; `none` when it does not fail. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
}

export async function bytesOf(fetched: Promise<{ body: ReadableStream<Uint8Array> }>): Promise<Uint8Array> {
  return await new Response((await fetched).body).bytes();
}
