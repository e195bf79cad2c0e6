/** Who uses what, from rows alone: blobs by digest, snapshots by key, with the names of images, containers and leases. */
import type { Store } from "../store/store.ts";

export interface ImageLabel {
  /** A name, or the digest of a record without one. */
  readonly name: string;
  readonly names: readonly string[];
  /** Names, and containers made of it. None: dangling. */
  readonly users: readonly string[];
}

export interface Owners {
  readonly images: ReadonlyMap<string, ImageLabel>;
  /** Targets of the records that need a blob. */
  readonly blobs: ReadonlyMap<string, ReadonlySet<string>>;
  /** Names of who needs a snapshot; images and containers. */
  readonly snapshots: ReadonlyMap<string, ReadonlySet<string>>;
  /** Purposes of leases by what they hold. */
  readonly leases: ReadonlyMap<string, ReadonlySet<string>>;
  readonly containers: ReadonlyMap<string, string>;
  /** Names of the containers that run. */
  readonly running: ReadonlySet<string>;
  /** Names of the containers that mount a volume. */
  readonly volumes: ReadonlyMap<string, ReadonlySet<string>>;
  /** Containers' names by the snapshot that is theirs. */
  readonly writable: ReadonlyMap<string, string>;
}

type Groups = Map<string, Set<string>>;

function put(groups: Groups, key: string | undefined, value: string): void {
  if (key === undefined) return;
  const group = groups.get(key);
  if (group) group.add(value);
  else groups.set(key, new Set([value]));
}

/** Of users, who are images, containers and leases: a container. */
export function isContainer(user: string): boolean {
  return user.startsWith("container ");
}

interface PlatformRow {
  readonly target: string;
  readonly manifest: string;
  readonly config: string;
  readonly layers: string;
}

interface ContainerRow {
  readonly id: string;
  readonly name: string;
  readonly target: string;
  readonly snapshot: string;
  readonly config: string;
  readonly state: string;
}

export function readOwners(store: Store): Owners {
  return store.transaction(() => {
    const containers = store.db
      .query<ContainerRow, []>(
        "SELECT id, name, target, snapshot, config, state FROM containers ORDER BY name",
      )
      .all();
    const images = readImages(store, containers);
    const [blobs, snapshots]: [Groups, Groups] = [new Map(), new Map()];
    for (const target of images.keys()) put(blobs, target, target);
    const platforms = store.db
      .query<PlatformRow, []>("SELECT target, manifest, config, layers FROM image_platforms")
      .all();
    for (const { target, manifest, config, layers } of platforms) {
      for (const digest of [manifest, config]) put(blobs, digest, target);
      for (const { descriptor, chainId } of layersOf(layers)) {
        put(blobs, descriptor?.digest, target);
        for (const user of images.get(target)?.users ?? []) put(snapshots, chainId, user);
      }
    }
    addContainers(store, containers, snapshots);
    const running = containers.filter(({ state }) => state === "running" || state === "paused");
    return {
      images,
      blobs,
      snapshots,
      leases: readLeases(store),
      volumes: volumesOf(containers),
      containers: new Map(containers.map(({ id, name }) => [id, name])),
      running: new Set(running.map(({ name }) => name)),
      writable: new Map(containers.map(({ snapshot, name }) => [snapshot, name])),
    };
  });
}

function readImages(store: Store, containers: readonly ContainerRow[]): Map<string, ImageLabel> {
  const targets = store.db.query<{ target: string }, []>("SELECT target FROM images ORDER BY target").all();
  const names: Groups = new Map();
  for (const { target, reference } of store.db
    .query<{ target: string; reference: string }, []>(
      "SELECT target, reference FROM names ORDER BY reference",
    )
    .all())
    put(names, target, reference);
  const users: Groups = new Map();
  for (const { target, name } of containers) put(users, target, `container ${name}`);
  return new Map(
    targets.map(({ target }) => {
      const own = [...(names.get(target) ?? [])];
      return [target, { name: own[0] ?? target, names: own, users: [...own, ...(users.get(target) ?? [])] }];
    }),
  );
}

/** A container's snapshot stands on others, whatever became of the image's names. */
function addContainers(store: Store, containers: readonly ContainerRow[], snapshots: Groups): void {
  const rows = store.db
    .query<{ key: string; parent: string | null }, []>("SELECT key, parent FROM snapshots")
    .all();
  const parents = new Map(rows.map(({ key, parent }) => [key, parent ?? undefined]));
  for (const { snapshot, name } of containers) {
    const seen = new Set<string>();
    for (
      let key: string | undefined = snapshot;
      key !== undefined && !seen.has(key);
      key = parents.get(key)
    ) {
      seen.add(key);
      put(snapshots, key, `container ${name}`);
    }
  }
}

/** As createContainer stored them: see StoredContainer in engine/containers/request.ts. */
function volumesOf(containers: readonly ContainerRow[]): Groups {
  const users: Groups = new Map();
  for (const { name, config } of containers) {
    const { volumes = [] } = JSON.parse(config) as { volumes?: readonly { source: string; kind: string }[] };
    for (const { source, kind } of volumes) if (kind === "volume") put(users, source, `container ${name}`);
  }
  return users;
}

function readLeases(store: Store): Groups {
  const rows = store.db
    .query<{ key: string; purpose: string }, []>(
      "SELECT key, purpose FROM lease_items JOIN leases ON leases.id = lease ORDER BY purpose",
    )
    .all();
  const leases: Groups = new Map();
  for (const { key, purpose } of rows) put(leases, key, purpose);
  return leases;
}

export function layersOf(json: string): { descriptor?: { digest?: string }; chainId?: string }[] {
  return JSON.parse(json) as { descriptor?: { digest?: string }; chainId?: string }[];
}
