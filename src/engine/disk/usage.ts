/** Every byte below the data root, in exactly one item: one walk, in which each file is given to the thing that its place belongs to. */
import { lstatSync, type BigIntStats } from "node:fs";
import type { DiskCategory, DiskItem, DiskUsage } from "../../spec/docker/images.ts";
import type { Engine } from "../engine.ts";
import type { Store } from "../store/store.ts";
import { countTree, namesOf, type Seen } from "./count.ts";
import { isContainer, readOwners, type Owners } from "./_owners.ts";
import { placeOf, type Place } from "./_places.ts";

type CategoryName = DiskCategory["name"];

const categories = [
  "images",
  "layers",
  "containers",
  "logs",
  "volumes",
  "partial downloads",
  "cache",
  "database",
  "garbage",
  "unknown",
] as const satisfies readonly CategoryName[];

export interface Counted {
  readonly category: CategoryName;
  readonly name: string;
  readonly usedBy: readonly string[];
  /** A prune would give it back. */
  readonly reclaimable: boolean;
  readonly shared?: boolean;
}

type Counter = (owners: Owners) => Pick<DiskCategory, "count" | "active">;

/** Where the things that count are not the items: of an image there is one for each blob that it shares. */
const counters: Partial<Readonly<Record<CategoryName, Counter>>> = {
  images: ({ images }) => ({
    count: images.size,
    active: [...images.values()].filter(({ users }) => users.some(isContainer)).length,
  }),
  containers: ({ containers, running }) => ({ count: containers.size, active: running.size }),
};

export async function diskUsage(engine: Pick<Engine, "store" | "settings">): Promise<DiskUsage> {
  const { root } = engine.store;
  const items = new Map<string, { counted: Counted; size: number }>();
  const facts = readFacts(engine.store);
  let total = 0;
  await walk(root, (place, bytes) => {
    const counted = itemOf(place, facts);
    const key = `${counted.category} ${counted.name}`;
    const item = items.get(key);
    total += bytes;
    if (item) item.size += bytes;
    else items.set(key, { counted, size: bytes });
  });
  const all = [...items.values()];
  return {
    root,
    total,
    budget: engine.settings.budget,
    categories: categories.map((name) => category(name, all, facts.owners)),
  };
}

function category(
  name: CategoryName,
  all: readonly { counted: Counted; size: number }[],
  owners: Owners,
): DiskCategory {
  const items: DiskItem[] = all
    .filter(({ counted }) => counted.category === name)
    .map(({ counted, size }) => ({
      name: counted.name,
      size,
      usedBy: counted.usedBy,
      reclaimable: counted.reclaimable,
      shared: counted.shared ?? false,
    }));
  const sum = (some: readonly DiskItem[]) => some.reduce((bytes, { size }) => bytes + size, 0);
  const free = items.filter((item) => item.reclaimable);
  const used = items.filter((item) => !item.reclaimable && item.usedBy.length > 0);
  const counts = counters[name]?.(owners) ?? { count: items.length, active: used.length };
  return { name, ...counts, size: sum(items), reclaimable: sum(free), items };
}

/** Gives each folder that only holds things, and each thing with all below it. */
async function walk(root: string, give: (place: Place, bytes: number) => void): Promise<void> {
  const seen: Seen = new Set();
  const device = lstatSync(root, { bigint: true }).dev;
  const visit = async (path: readonly string[]): Promise<void> => {
    const full = [root, ...path].join("/");
    const stat = lstatSync(full, { bigint: true, throwIfNoEntry: false });
    // What is mounted here lies on another disk.
    if (!stat || stat.dev !== device) return;
    const place = placeOf(path);
    const opens = stat.isDirectory() && (place.kind === "folder" || place.kind === "container");
    // A file where a folder of ours should be is nobody's.
    const owner: Place =
      place.kind === "folder" && !opens ? { kind: "unknown", name: path.join("/") } : place;
    give(owner, opens ? own(stat) : await countTree(full, seen));
    if (opens) for (const name of inOrder(path, namesOf(full))) await visit([...path, name]);
  };
  await visit([]);
}

/** A file of several names counts where it is known, and a blob before the name that it grew under. */
function inOrder(path: readonly string[], names: readonly string[]): string[] {
  const strange = (name: string) => Number(placeOf([...path, name]).kind === "unknown");
  return names.toSorted((a, b) => strange(a) - strange(b) || (a < b ? -1 : 1));
}

const own = (stat: BigIntStats) => Number(stat.blocks) * 512;

interface Facts {
  readonly owners: Owners;
  readonly published: ReadonlySet<string>;
  readonly snapshots: ReadonlyMap<number, { readonly key: string; readonly kind: string }>;
}

function readFacts(store: Store): Facts {
  return store.transaction(() => ({
    owners: readOwners(store),
    published: new Set(
      store.db
        .query<{ digest: string }, []>("SELECT digest FROM blobs")
        .all()
        .map(({ digest }) => digest),
    ),
    snapshots: new Map(
      store.db
        .query<{ id: number; key: string; kind: string }, []>("SELECT id, key, kind FROM snapshots")
        .all()
        .map((row) => [row.id, row]),
    ),
  }));
}

const ours = { usedBy: ["sampan"], reclaimable: false } as const;

function itemOf(place: Place, facts: Facts): Counted {
  const { owners } = facts;
  switch (place.kind) {
    case "folder":
      return { category: "database", name: "folders", ...ours };
    case "database":
      return { category: "database", name: place.name, ...ours };
    case "blob":
      return blobItem(place.digest, facts);
    case "partial":
      return unlessUsed("partial downloads", place.digest, owners.leases.get(place.digest));
    case "snapshot":
      return snapshotItem(place, facts);
    case "container":
    case "container files":
    case "log":
      return containerItem(place, owners);
    case "volume":
      return unlessUsed("volumes", place.name, owners.volumes.get(place.name));
    case "cache":
      return unlessUsed("cache", place.name);
    case "left over":
      return unlessUsed("garbage", place.name);
    case "unknown":
      return { category: "unknown", name: place.name, usedBy: [], reclaimable: false };
  }
}

function unlessUsed(category: CategoryName, name: string, users: ReadonlySet<string> = new Set()): Counted {
  return { category, name, usedBy: [...users], reclaimable: users.size === 0 };
}

/** A blob of one image counts to that image; of several, it stands for itself. */
function blobItem(digest: string, { owners, published }: Facts): Counted {
  const leased = [...(owners.leases.get(digest) ?? [])];
  const targets = [...(owners.blobs.get(digest) ?? [])];
  const images = targets.flatMap((target) => owners.images.get(target) ?? []);
  const users = [...new Set([...images.flatMap((image) => image.users), ...leased])];
  const reclaimable = leased.length === 0 && !users.some(isContainer);
  const [only] = images;
  if (images.length === 1 && only)
    return { category: "images", name: only.name, usedBy: only.users, reclaimable };
  if (users.length === 0 && images.length === 0 && !published.has(digest))
    return unlessUsed("garbage", digest);
  return { category: "images", name: digest, usedBy: users, reclaimable, shared: images.length > 1 };
}

function snapshotItem({ driver, id }: { driver: string; id: number }, { owners, snapshots }: Facts): Counted {
  const row = snapshots.get(id);
  if (!row) return unlessUsed("garbage", `snapshots/${driver}/${id}`);
  const container = owners.writable.get(row.key);
  if (container !== undefined) return ofContainer("containers", container, owners);
  const plain = row.key.replace(/^unpack-/, "");
  const leases = [plain, `unpack-${plain}`].flatMap((key) => [...(owners.leases.get(key) ?? [])]);
  const users = [...(owners.snapshots.get(row.key) ?? [])];
  return {
    category: "layers",
    name: row.key,
    usedBy: [...new Set([...users, ...leases])],
    reclaimable: leases.length === 0 && !users.some(isContainer),
    shared: users.filter((user) => !isContainer(user)).length > 1,
  };
}

function containerItem(place: { kind: string; id: string }, owners: Owners): Counted {
  const name = owners.containers.get(place.id);
  if (name === undefined) return unlessUsed("garbage", `containers/${place.id}`);
  return ofContainer(place.kind === "log" ? "logs" : "containers", name, owners);
}

/** Goes with its container, which a prune takes when it does not run. */
function ofContainer(category: CategoryName, name: string, { running }: Owners): Counted {
  return { category, name, usedBy: [name], reclaimable: !running.has(name) };
}
