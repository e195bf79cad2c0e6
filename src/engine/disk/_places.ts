/** What stands where below the data root: a path belongs to one thing, or it is a folder that holds such things. */
import { digestOfBlob, digestOfIngest } from "../content/paths.ts";

export type Place =
  | { readonly kind: "folder" }
  | { readonly kind: "blob" | "partial"; readonly digest: string }
  | { readonly kind: "snapshot"; readonly driver: string; readonly id: number }
  | { readonly kind: "container" | "container files" | "log"; readonly id: string }
  | { readonly kind: "database" | "volume" | "cache" | "left over" | "unknown"; readonly name: string };

const folder: Place = { kind: "folder" };
const databases = new Set([
  "sampan.db",
  "sampan.db-wal",
  "sampan.db-shm",
  "sampan.db-journal",
  "locks",
  "reserve",
  "daemon.lock",
  "daemon.json",
]);
const logFile = /^log(?:\.\d+)?$/;
const drivers = new Set(["overlayfs", "copy"]);

type Rule = (rest: readonly string[]) => Place | undefined;

/** By the first name of a path: what the rest of it means. undefined is nothing of ours. */
const rules: Readonly<Record<string, Rule>> = {
  content: (rest) => {
    const [kind, ...names] = rest;
    if (kind === undefined) return folder;
    if (kind === "ingest") return names[0] === undefined ? folder : partial(names[0]);
    if (kind === "blobs") return blob(names);
    return undefined;
  },
  snapshots: ([driver, id]) => {
    if (driver === undefined) return folder;
    if (!drivers.has(driver)) return undefined;
    if (id === undefined) return folder;
    return /^\d+$/.test(id) ? { kind: "snapshot", driver, id: Number(id) } : undefined;
  },
  containers: ([id, name]) => {
    if (id === undefined) return folder;
    if (name === undefined) return { kind: "container", id };
    return { kind: logFile.test(name) ? "log" : "container files", id };
  },
  volumes: (rest) => listed("volume", rest),
  cache: (rest) => listed("cache", rest),
  tmp: (rest) => listed("left over", rest),
};

export function placeOf(path: readonly string[]): Place {
  const [first, ...rest] = path;
  if (first === undefined) return folder;
  if (databases.has(first) && rest.length === 0) return { kind: "database", name: first };
  const rule = Object.hasOwn(rules, first) ? rules[first] : undefined;
  return rule?.(rest) ?? { kind: "unknown", name: path.join("/") };
}

function partial(name: string): Place | undefined {
  const digest = digestOfIngest(name);
  return digest && { kind: "partial", digest };
}

function blob([algorithm, name]: readonly string[]): Place | undefined {
  if (algorithm === undefined) return folder;
  if (algorithm !== "sha256" && algorithm !== "sha512") return undefined;
  if (name === undefined) return folder;
  const digest = digestOfBlob(algorithm, name);
  if (digest) return { kind: "blob", digest };
  // A blob that was about to be replaced when its process ended.
  return (
    digestOfBlob(algorithm, name.replace(/\.new$/, "")) && { kind: "left over", name: `${algorithm}:${name}` }
  );
}

function listed(kind: "volume" | "cache" | "left over", [name]: readonly string[]): Place {
  return name === undefined ? folder : { kind, name };
}
