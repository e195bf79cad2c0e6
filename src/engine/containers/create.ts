/** Makes a container: its writable snapshot, its folder, its row. */
import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import type { CreateBody } from "../../spec/docker/create.ts";
import type { ImageConfig, Platform } from "../../spec/image/types.ts";
import type { Engine } from "../engine.ts";
import type { LocalImage } from "../images/images.ts";
import { remappedKey } from "../snapshots/overlayfs.ts";
import { fileError } from "../store/errors.ts";
import { containerCapabilities } from "./capabilities.ts";
import type { ContainerInfo } from "./containers.ts";
import { inventName } from "./names.ts";
import { processArguments } from "./process.ts";
import { checkHostname, checkName, hostConfig, remapOf, type StoredContainer } from "./request.ts";
import { volumeMounts } from "./volumes.ts";

export type CreateParts = Pick<Engine, "store" | "images" | "snapshots" | "leases" | "containers">;

export interface CreateContainer {
  /** Names its image. */
  readonly body: CreateBody;
  /** Left out: one is invented. */
  readonly name?: string;
  readonly platform?: Platform;
}

/**
 * The image must be here and unpacked. Under a lease: first the snapshot, then in one transaction folder and row; what a crash leaves in between is garbage.
 * Errors: `already_exists` for a name in use, `not_found` for the image, `invalid_argument` for what cannot be asked for.
 */
export async function createContainer(
  engine: CreateParts,
  { body, name: wantedName, platform }: CreateContainer,
): Promise<ContainerInfo> {
  if (wantedName !== undefined) checkName(wantedName);
  const image = engine.images.get(body.Image ?? "", platform);
  const config = await engine.images.config(image);
  const stored = storedOf(body, config);
  const id = randomBytes(32).toString("hex");
  const name = wantedName ?? inventName((wanted) => isTaken(engine, wanted));
  refuseTaken(engine, name);
  await using lease = engine.leases.acquire(`create container ${name}`);
  lease.add("snapshot", id);
  const parent = image.layers.at(-1)?.chainId;
  if (stored.remap && parent !== undefined) lease.add("snapshot", remappedKey(parent, stored.remap));
  await engine.snapshots.prepare(id, parent, stored.remap ? { remap: stored.remap } : {});
  try {
    engine.store.transaction(() => addRow(engine, { id, name, image, stored }));
  } catch (error) {
    await engine.snapshots.remove(id);
    throw fileError(`create container "${name}"`, error);
  }
  return engine.containers.get(id);
}

/** Checks the whole request before anything is made. */
function storedOf(body: CreateBody, config: ImageConfig): StoredContainer {
  const image = config.config ?? {};
  const host = hostConfig(body);
  if (body.Hostname) checkHostname(body.Hostname);
  processArguments(body, image);
  containerCapabilities(host);
  const declared = { ...image.Volumes, ...body.Volumes };
  return {
    body,
    image,
    remap: remapOf(host.UsernsMode, textOf("/etc/subuid"), textOf("/etc/subgid")),
    volumes: volumeMounts(host.Binds ?? [], declared, () => randomBytes(32).toString("hex")),
  };
}

function textOf(path: string): string {
  return lstatSync(path, { throwIfNoEntry: false }) ? readFileSync(path, "utf8") : "";
}

function isTaken({ store }: CreateParts, name: string): boolean {
  return store.db.query("SELECT 1 FROM containers WHERE name = ?").get(name) !== null;
}

function refuseTaken(engine: CreateParts, name: string): void {
  if (isTaken(engine, name))
    throw new SampanError("already_exists", `cannot create container "${name}": the name is in use`);
}

interface NewContainer {
  readonly id: string;
  readonly name: string;
  readonly image: LocalImage;
  readonly stored: StoredContainer;
}

function addRow(engine: CreateParts, { id, name, image, stored }: NewContainer): void {
  refuseTaken(engine, name);
  const { db, root } = engine.store;
  const command = processArguments(stored.body, stored.image);
  db.query(
    `INSERT INTO containers (id, name, image, image_id, target, manifest, snapshot, command, config, created, state)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'created')`,
  ).run(
    id,
    name,
    stored.body.Image ?? "",
    image.id,
    image.target.digest,
    image.manifest.digest,
    id,
    JSON.stringify(command),
    JSON.stringify(stored),
    Date.now(),
  );
  mkdirSync(join(root, "containers"), { recursive: true, mode: 0o700 });
  mkdirSync(containerFolder(root, id), { mode: 0o700 });
}

/** Its bundle: config.json, rootfs, and the files that are bound into it. */
export function containerFolder(root: string, id: string): string {
  return join(root, "containers", id);
}
