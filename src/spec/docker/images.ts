/** Shapes of Docker's Engine API 1.47 for images, as they stand in JSON; only what Sampan gives. */

/** GET /images/json. */
export interface ImageSummary {
  readonly Id: string;
  readonly ParentId: string;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  /** Unix seconds. */
  readonly Created: number;
  /** Bytes unpacked. */
  readonly Size: number;
  /** Bytes shared with other images; -1 when not counted. */
  readonly SharedSize: number;
  readonly Labels: Readonly<Record<string, string>> | null;
  /** How many containers use it; -1 when not counted. */
  readonly Containers: number;
}

/** GET /images/{name}/json. */
export interface ImageInspect {
  readonly Id: string;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  readonly Parent: string;
  readonly Comment: string;
  readonly Created: string;
  readonly Author: string;
  readonly Config: Readonly<Record<string, unknown>>;
  readonly Architecture: string;
  readonly Variant?: string;
  readonly Os: string;
  readonly Size: number;
  readonly GraphDriver: { readonly Name: string; readonly Data: Readonly<Record<string, string>> };
  readonly RootFS: { readonly Type: "layers"; readonly Layers: readonly string[] };
  readonly Metadata: { readonly LastTagTime: string };
  readonly Descriptor?: { readonly mediaType: string; readonly digest: string; readonly size: number };
}

/** GET /images/{name}/history. */
export interface HistoryItem {
  readonly Id: string;
  readonly Created: number;
  readonly CreatedBy: string;
  readonly Tags: readonly string[] | null;
  readonly Size: number;
  readonly Comment: string;
}

/** GET /images/search. */
export interface SearchResult {
  readonly name: string;
  readonly description: string;
  readonly star_count: number;
  readonly is_official: boolean;
}

/** `sampan system df -v`: every byte under the data root, in exactly one item. Sizes are allocated bytes. */
export interface DiskUsage {
  readonly root: string;
  /** What the file system counts below the root; the items add up to it. */
  readonly total: number;
  readonly budget: number;
  readonly categories: readonly DiskCategory[];
}

export interface DiskCategory {
  readonly name:
    | "images"
    | "layers"
    | "containers"
    | "logs"
    | "volumes"
    | "partial downloads"
    | "cache"
    | "database"
    | "garbage"
    | "unknown";
  /** How many images, layers, containers …; an image can have several items, or none of its own. */
  readonly count: number;
  /** How many of them are in use: by containers, of which those count that run, or by a verb that goes on. */
  readonly active: number;
  readonly size: number;
  /** Bytes of the items that a prune would give back. */
  readonly reclaimable: number;
  readonly items: readonly DiskItem[];
}

export interface DiskItem {
  readonly name: string;
  readonly size: number;
  /** Who uses it: image names, container names, lease purposes. */
  readonly usedBy: readonly string[];
  /** A prune of all that is not in use would take it: image names alone hold nothing. */
  readonly reclaimable: boolean;
  readonly shared: boolean;
}

/** One file of `image diff`. */
export interface Change {
  readonly path: string;
  readonly kind: "added" | "removed" | "changed";
  /** Bytes before and after; undefined where there is none. */
  readonly before: number | undefined;
  readonly after: number | undefined;
  /** What changed, when changed: "content", "mode", "owner", "type", "target", "xattrs"; "time" where nothing else did. */
  readonly what: readonly string[];
}

export interface ImageDiff {
  readonly a: string;
  readonly b: string;
  readonly layers: {
    readonly shared: number;
    readonly onlyA: readonly string[];
    readonly onlyB: readonly string[];
  };
  /** Fields of the configuration by JSON path, with both values. */
  readonly config: readonly { readonly path: string; readonly before: unknown; readonly after: unknown }[];
  readonly files: readonly Change[];
  readonly sizeBefore: number;
  readonly sizeAfter: number;
}

/** One finding of `system check`. */
export interface Problem {
  readonly what: string;
  readonly severity: "damage" | "garbage" | "note";
  readonly repaired: boolean;
}
