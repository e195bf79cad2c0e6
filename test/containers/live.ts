/** A live engine of an engine's parts, with the real runtime and monitors; networks and volumes are stood in for, since they have their own tests. */
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { attachContainer } from "../../src/engine/containers/attach.ts";
import type { LifeParts } from "../../src/engine/containers/parts.ts";
import { startContainer } from "../../src/engine/containers/start.ts";
import { openTasks } from "../../src/engine/containers/tasks.ts";
import { waitContainer } from "../../src/engine/containers/wait.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEvents } from "../../src/engine/events/open.ts";
import type { Networks } from "../../src/engine/networks/networks.ts";
import type { Volumes } from "../../src/engine/volumes/volumes.ts";
import { openMonitors } from "../../src/runtime/monitor/open.ts";
import { openRuntimes } from "../../src/runtime/open.ts";
import type { RuntimeProgram } from "../../src/runtime/runtime.ts";
import type { Attachment } from "../../src/runtime/runtime.ts";

export type Parts = Pick<
  Engine,
  "store" | "settings" | "snapshots" | "containers" | "unpacker" | "images" | "leases"
>;
export type Live = LifeParts & { readonly warnings: string[] };

export interface Done {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const noNetworks = {
  list: () => [],
  connect: async () => await Promise.resolve(),
  disconnect: async () => await Promise.resolve(),
  close: async () => await Promise.resolve(),
  sandbox: () => undefined,
  restore: async () => await Promise.resolve([]),
  renamed: async () => await Promise.resolve(),
} as unknown as Networks;

function foldersAsVolumes(root: string): Volumes {
  const folder = (name: string) => join(root, "volumes", name, "_data");
  const make = (name: string) => {
    if (mkdirSync(folder(name), { recursive: true }) !== undefined) chmodSync(folder(name), 0o755);
    return folder(name);
  };
  return {
    list: () => [],
    create: async ({ name = "" }: { name?: string }) => {
      await Promise.resolve(make(name));
    },
    acquire: async (name: string) => await Promise.resolve(make(name)),
    release: async () => await Promise.resolve(),
    remove: async (name: string) =>
      await Promise.resolve(rmSync(join(root, "volumes", name), { recursive: true, force: true })),
  } as unknown as Volumes;
}

export interface LiveOptions {
  /** Runtimes that are programs, by name. */
  readonly externals?: Readonly<Record<string, RuntimeProgram>>;
  readonly init?: string;
}

export function liveOf(base: Parts, { externals = {}, init }: LiveOptions = {}): Live {
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  const network = { dns: [], dnsSearch: [], dnsOptions: [] };
  const settings = {
    ...base.settings,
    logs: { maxSize: 10 << 20, maxFiles: 3 },
    network,
  } as unknown as Engine["settings"];
  const parts = {
    ...base,
    settings,
    warnings,
    runtimes: openRuntimes({
      root: join(settings.state, "runtime"),
      externals,
      default: "native",
      init: init ?? join(base.store.root, "init"),
      warn,
    }),
    monitors: openMonitors(),
    events: openEvents(),
    networks: noNetworks,
    volumes: foldersAsVolumes(base.store.root),
  };
  return { ...parts, tasks: openTasks(parts, { warn }) };
}

/** Starts a container and waits for its end, or its removal where that follows. Errors: why it could not be started. */
export async function runToEnd(live: Live, id: string): Promise<Done> {
  const remove = live.containers.get(id).body.HostConfig?.AutoRemove === true;
  const streams = { stdin: false, stdout: true, stderr: true };
  await using attachment = await attachContainer(live, id, streams);
  const ended = waitContainer(live, id, remove ? "removed" : "next-exit");
  const said = hear(attachment);
  said.catch(() => undefined);
  await startContainer(live, id);
  const { statusCode: status } = await ended;
  return { status, ...(await said) };
}

/** What an attachment says to its end: what stands on each stream. */
export async function hear(attachment: Attachment | undefined): Promise<{ stdout: string; stderr: string }> {
  const pieces: Uint8Array[] = [];
  for await (const piece of attachment?.output ?? []) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const said = { stdout: "", stderr: "" };
  for (let at = 0; at + 8 <= bytes.length;) {
    const end = at + 8 + bytes.readUInt32BE(at + 4);
    said[bytes[at] === 2 ? "stderr" : "stdout"] += bytes.subarray(at + 8, end).toString();
    at = end;
  }
  return said;
}
