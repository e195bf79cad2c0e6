/** Every byte below the data root, in exactly one item: one walk, in which each file is given to the thing that its place belongs to. */
import { lstatSync, type BigIntStats } from "node:fs";
import type { DiskCategory, DiskItem, DiskUsage } from "../../spec/docker/images.ts";
import type { Engine } from "../engine.ts";
import type { Store } from "../store/store.ts";
import { countTree, namesOf, type Seen } from "./count.ts";
import { readOwners, type Owners } from "./_owners.ts";
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

/** What nobody uses in these can be had back. Logs go with their container; the database and what is unknown stay. */
const reclaimable: ReadonlySet<CategoryName> = new Set([
  "images",
  "layers",
  "volumes",
  "partial downloads",
  "cache",
  "garbage",
]);

export interface Counted {
  readonly category: CategoryName;
  readonly name: string;
  readonly usedBy: readonly string[];
  readonly shared?: boolean;
}

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
    categories: categories.map((name) => category(name, all)),
  };
}

function category(name: CategoryName, all: readonly { counted: Counted; size: number }[]): DiskCategory {
  const items: DiskItem[] = all
    .filter(({ counted }) => counted.category === name)
    .map(({ counted, size }) => ({
      name: counted.name,
      size,
      usedBy: counted.usedBy,
      shared: counted.shared ?? false,
    }));
  const sum = (some: readonly DiskItem[]) => some.reduce((bytes, { size }) => bytes + size, 0);
  const free = reclaimable.has(name) ? items.filter(({ usedBy }) => usedBy.length === 0) : [];
  return { name, size: sum(items), reclaimable: sum(free), items };
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

function itemOf(place: Place, facts: Facts): Counted {
  const { owners } = facts;
  switch (place.kind) {
    case "folder":
      return { category: "database", name: "folders", usedBy: ["sampan"] };
    case "database":
      return { category: "database", name: place.name, usedBy: ["sampan"] };
    case "blob":
      return blobItem(place.digest, facts);
    case "partial":
      return {
        category: "partial downloads",
        name: place.digest,
        usedBy: [...(owners.leases.get(place.digest) ?? [])],
      };
    case "snapshot":
      return snapshotItem(place, facts);
    case "container":
    case "container files":
    case "log":
      return containerItem(place, owners);
    case "volume":
      return { category: "volumes", name: place.name, usedBy: [...(owners.volumes.get(place.name) ?? [])] };
    case "cache":
      return { category: "cache", name: place.name, usedBy: [] };
    case "left over":
      return { category: "garbage", name: place.name, usedBy: [] };
    case "unknown":
      return { category: "unknown", name: place.name, usedBy: [] };
  }
}

/** A blob of one image counts to that image; of several, it stands for itself. */
function blobItem(digest: string, { owners, published }: Facts): Counted {
  const leased = [...(owners.leases.get(digest) ?? [])];
  const targets = [...(owners.blobs.get(digest) ?? [])];
  const images = targets.flatMap((target) => owners.images.get(target) ?? []);
  const [only] = images;
  if (images.length === 1 && only) return { category: "images", name: only.name, usedBy: only.users };
  const users = [...new Set([...images.flatMap((image) => image.users), ...leased])];
  if (images.length === 0 && leased.length === 0 && !published.has(digest))
    return { category: "garbage", name: digest, usedBy: [] };
  return { category: "images", name: digest, usedBy: users, shared: images.length > 1 };
}

function snapshotItem({ driver, id }: { driver: string; id: number }, { owners, snapshots }: Facts): Counted {
  const row = snapshots.get(id);
  if (!row) return { category: "garbage", name: `snapshots/${driver}/${id}`, usedBy: [] };
  const container = owners.writable.get(row.key);
  if (container !== undefined) return { category: "containers", name: container, usedBy: [container] };
  const plain = row.key.replace(/^unpack-/, "");
  const leases = [plain, `unpack-${plain}`].flatMap((key) => [...(owners.leases.get(key) ?? [])]);
  const users = owners.snapshots.get(row.key) ?? new Set<string>();
  const images = [...users].filter((user) => !user.startsWith("container "));
  return {
    category: "layers",
    name: row.key,
    usedBy: [...new Set([...users, ...leases])],
    shared: images.length > 1,
  };
}

function containerItem(place: { kind: string; id: string }, owners: Owners): Counted {
  const name = owners.containers.get(place.id);
  if (name === undefined) return { category: "garbage", name: `containers/${place.id}`, usedBy: [] };
  return { category: place.kind === "log" ? "logs" : "containers", name, usedBy: [name] };
}
