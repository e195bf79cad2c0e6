/** Makes a container: its writable snapshot, its folder, its volumes, its places in networks, its row. */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import type { CreateBody, EndpointSettings } from "../../spec/docker/create.ts";
import type { Platform } from "../../spec/image/types.ts";
import type { Engine, LiveEngine } from "../engine.ts";
import type { LocalImage } from "../images/images.ts";
import { remappedKey } from "../snapshots/overlayfs.ts";
import { fileError } from "../store/errors.ts";
import type { ContainerInfo } from "./containers.ts";
import type { ContainerExtras } from "./extras.ts";
import { linksOf } from "./links.ts";
import { inventName } from "./names.ts";
import { storedContainer } from "./open.ts";
import { emit } from "./parts.ts";
import { processArguments } from "./process.ts";
import { sourcesAnswer } from "./reachable.ts";
import { refuseTaken } from "./rename.ts";
import { checkName, hostConfig, isMadeAnew, type StoredContainer } from "./request.ts";
import { inPod } from "./pod.ts";
import { isJoined, otherContainer } from "./spec/namespaces.ts";
import { settleContainer } from "./settle.ts";

export type CreateParts = Pick<Engine, "store" | "images" | "snapshots" | "leases" | "containers"> &
  Partial<Pick<LiveEngine, "networks" | "volumes" | "events" | "runtimes" | "unpacker">>;

export interface CreateContainer {
  /** Names its image. */
  readonly body: CreateBody;
  /** Left out: one is invented. */
  readonly name?: string;
  readonly platform?: Platform;
  readonly extras?: ContainerExtras;
  /** Is told what was taken and does nothing here. */
  readonly warn?: (text: string) => void;
}

/**
 * The image must be here and unpacked. Under a lease: first snapshot, volumes and networks, then in one transaction folder and row; what a crash leaves in between is garbage.
 * Errors: `already_exists` for a name in use, `not_found` for the image, `invalid_argument` for what cannot be asked for.
 */
export async function createContainer(
  engine: CreateParts,
  { body, name: wantedName, platform, extras, warn }: CreateContainer,
): Promise<ContainerInfo> {
  if (wantedName !== undefined) checkName(wantedName);
  const image = engine.images.get(body.Image ?? "", platform);
  const { config = {} } = await engine.images.config(image);
  const other = (reference: string) =>
    storedContainer(engine.store, named(() => engine.containers.get(reference)).id).volumes;
  for (const { reference } of linksOf(body)) named(() => engine.containers.get(reference));
  await sourcesAnswer(body, engine.unpacker?.command);
  const { pod, remap, body: settled } = inPod(engine.store, namedNetwork(engine, body));
  const { stored: own, warnings } = settleContainer({
    body: settled,
    image: config,
    other,
    ...(extras && { extras }),
    ...(remap && { remap }),
  });
  const stored = { ...own, ...(pod !== undefined && { pod }) };
  for (const warning of warnings) warn?.(warning);
  const { Runtime } = hostConfig(stored.body);
  // One that is not there is refused here, with the names of those that are.
  if (Runtime) engine.runtimes?.get(Runtime);
  const id = await makeNamed(engine, { name: wantedName, image, stored });
  const info = engine.containers.get(id);
  if (engine.events) emit({ events: engine.events }, info, "create");
  return info;
}

/** Two callers at once may be given the same invented name: who comes second gets another. Gives its id. */
async function makeNamed(
  engine: CreateParts,
  wanted: Pick<NewContainer, "image" | "stored"> & { readonly name: string | undefined },
): Promise<string> {
  const id = randomBytes(32).toString("hex");
  const name = wanted.name ?? inventName((each) => isTaken(engine, each));
  refuseTaken(engine.store, name, `cannot create container "${name}"`);
  try {
    await makeAll(engine, { ...wanted, id, name });
    return id;
  } catch (error) {
    const second = SampanError.from(error).code === "already_exists" && isTaken(engine, name);
    if (wanted.name === undefined && second) return await makeNamed(engine, wanted);
    throw error;
  }
}

/** Docker's clients take a "not found" of create for the image's, and pull it: for all else that is named it is the request that is wrong. */
function named<T>(look: () => T): T {
  try {
    return look();
  } catch (error) {
    throw wrongName(error);
  }
}

function wrongName(error: unknown): SampanError {
  const { code, message } = SampanError.from(error);
  return new SampanError(code === "not_found" ? "invalid_argument" : code, message, { cause: error });
}

/** `container:<name>` is kept as `container:<id>`: names change. */
function namedNetwork({ containers }: CreateParts, body: CreateBody): CreateBody {
  const host = hostConfig(body);
  const fixed = Object.fromEntries(
    (["NetworkMode", "IpcMode", "PidMode"] as const).flatMap((field) => {
      const reference = otherContainer(host[field]);
      return reference === undefined
        ? []
        : [[field, `container:${named(() => containers.get(reference)).id}`]];
    }),
  );
  return Object.keys(fixed).length === 0 ? body : { ...body, HostConfig: { ...host, ...fixed } };
}

interface NewContainer {
  readonly id: string;
  readonly name: string;
  readonly image: LocalImage;
  readonly stored: StoredContainer;
}

async function makeAll(engine: CreateParts, made: NewContainer): Promise<void> {
  const { id, name, image, stored } = made;
  if (makeAtOnce(engine, made)) return;
  const parent = image.layers.at(-1)?.chainId;
  const protect = () => {
    const lease = engine.leases.acquire(`create container ${name}`);
    lease.add("snapshot", id);
    if (stored.remap && parent !== undefined) lease.add("snapshot", remappedKey(parent, stored.remap));
    return lease;
  };
  // As leases are (gc/leases.ts).
  await using _lease = engine.store.transaction(protect, { durable: false });
  await using undo = new AsyncDisposableStack();
  const durable = !isMadeAnew(stored);
  await engine.snapshots.prepare(id, parent, { durable, ...(stored.remap && { remap: stored.remap }) });
  undo.defer(() => engine.snapshots.remove(id));
  await makeVolumes(engine, stored, undo);
  await joinNetworks(engine, made, undo);
  try {
    engine.store.transaction(() => addRow(engine, made), { durable: durable || "soon" });
  } catch (error) {
    throw fileError(`create container "${name}"`, error);
  }
  undo.move();
}

/** One that is made anew, and has nothing but its snapshot and its row: both in one transaction, which needs no lease. False: nothing is made. */
function makeAtOnce(engine: CreateParts, made: NewContainer): boolean {
  const { id, name, image, stored } = made;
  const isAlone = stored.volumes.every(({ kind }) => kind !== "volume");
  const isPlain = isAlone && !stored.remap && Object.keys(wantedEndpoints(stored.body)).length === 0;
  if (!isMadeAnew(stored) || !isPlain) return false;
  const make = () => {
    if (!engine.snapshots.prepareNow(id, image.layers.at(-1)?.chainId)) return false;
    addRow(engine, made);
    return true;
  };
  try {
    return engine.store.transaction(make, { durable: "soon" });
  } catch (error) {
    throw fileError(`create container "${name}"`, error);
  }
}

async function makeVolumes({ volumes }: CreateParts, stored: StoredContainer, undo: AsyncDisposableStack) {
  if (!volumes) return;
  for (const { kind, source, anonymous, labels, driverOptions } of stored.volumes) {
    if (kind !== "volume") continue;
    await volumes.create({
      name: source,
      anonymous,
      ...(labels && { labels }),
      ...(driverOptions && { options: driverOptions }),
    });
    if (anonymous) undo.defer(() => volumes.remove(source, { force: true }));
  }
}

async function joinNetworks(
  { networks }: CreateParts,
  { id, name, stored }: NewContainer,
  undo: AsyncDisposableStack,
) {
  if (!networks) return;
  const owner = { id, name, hostname: stored.body.Hostname || id.slice(0, 12) };
  for (const [network, asked] of Object.entries(wantedEndpoints(stored.body))) {
    await networks.connect(network, owner, asked).catch((error: unknown) => {
      throw wrongName(error);
    });
    undo.defer(() => networks.disconnect(network, id, { force: true }));
  }
}

/** The networks that it is in from its first start on. The old field for its hardware address is that in its first network. */
export function wantedEndpoints(body: CreateBody): Record<string, EndpointSettings> {
  const { NetworkMode = "" } = hostConfig(body);
  if (body.NetworkDisabled || isJoined(NetworkMode)) return {};
  const first = NetworkMode === "" || NetworkMode === "default" ? "bridge" : NetworkMode;
  const { default: byDefault, ...named } = body.NetworkingConfig?.EndpointsConfig ?? {};
  const asked = named[first] ?? byDefault ?? {};
  const mac = asked.MacAddress || body.MacAddress;
  const others = Object.entries(named).map(([name, settings]) => [name, settings ?? {}] as const);
  return {
    [first]: { ...asked, ...(mac && { MacAddress: mac }) },
    ...Object.fromEntries(others.filter(([name]) => name !== first)),
  };
}

function isTaken({ store }: CreateParts, name: string): boolean {
  return store.db.query("SELECT 1 FROM containers WHERE name = ?").get(name) !== null;
}

function addRow(engine: CreateParts, { id, name, image, stored }: NewContainer): void {
  refuseTaken(engine.store, name, `cannot create container "${name}"`);
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
