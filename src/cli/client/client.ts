/**
 * What the command line asks of an engine. Shapes are those of Docker's Engine API (src/spec/docker), so that the in-process engine of today and the Docker
 * API client of the daemon are the same to every command. Each call rejects with SampanError.
 */
import type {
  DiskUsage,
  HistoryItem,
  ImageInspect,
  ImageSummary,
  SearchResult,
} from "../../spec/docker/images.ts";

/** One step of a long verb. Lines of Docker's progress stream: `id` a short digest or empty, `status` a word, `current` and `total` in bytes. */
export interface Step {
  readonly id?: string;
  readonly status: string;
  readonly current?: number;
  readonly total?: number;
}

export interface LongCall {
  readonly signal?: AbortSignal;
  readonly onStep?: (step: Step) => void;
}

export interface RunRequest {
  readonly image: string;
  readonly command: readonly string[];
  readonly name?: string;
  readonly env: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
  readonly entrypoint?: readonly string[];
  readonly hostname?: string;
  readonly terminal: boolean;
  readonly interactive: boolean;
  readonly readonly: boolean;
  readonly remove: boolean;
  readonly network: "none" | "host";
  readonly volumes: readonly string[];
  readonly platform?: string;
  readonly pull: "missing" | "always" | "never";
  readonly memory?: number;
  readonly cpus?: number;
  readonly pidsLimit?: number;
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly userns?: string;
  readonly runtime?: string;
}

export interface ContainerSummary {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly ImageID: string;
  readonly Command: string;
  readonly Created: number;
  readonly State: string;
  readonly Status: string;
}

export interface Change {
  readonly path: string;
  readonly kind: "added" | "removed" | "changed";
  /** Bytes before and after; undefined where there is none. */
  readonly before: number | undefined;
  readonly after: number | undefined;
  /** What changed, when changed: "content", "mode", "owner", "type", "target", "xattrs". */
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

export interface Problem {
  readonly what: string;
  readonly severity: "damage" | "garbage" | "note";
  readonly repaired: boolean;
}

export interface EngineClient extends AsyncDisposable {
  pull(
    reference: string,
    options: LongCall & { platform?: string; allTags?: boolean },
  ): Promise<{ id: string; digest: string; upToDate: boolean }>;
  push(
    reference: string,
    options: LongCall & { allTags?: boolean },
  ): Promise<{ digest: string; size: number }>;
  login(registry: string, credentials: { username: string; secret: string }): Promise<void>;
  logout(registry: string): Promise<boolean>;
  search(term: string, limit: number): Promise<readonly SearchResult[]>;
  images(options: {
    all: boolean;
    filters: Readonly<Record<string, readonly string[]>>;
  }): Promise<readonly ImageSummary[]>;
  inspectImage(reference: string, options?: { platform?: string }): Promise<ImageInspect>;
  history(reference: string): Promise<readonly HistoryItem[]>;
  tag(source: string, target: string): Promise<void>;
  removeImage(
    reference: string,
    options: { force: boolean; prune: boolean },
  ): Promise<readonly { Untagged?: string; Deleted?: string }[]>;
  pruneImages(options: {
    all: boolean;
    filters: Readonly<Record<string, readonly string[]>>;
  }): Promise<{ deleted: readonly { Untagged?: string; Deleted?: string }[]; reclaimed: number }>;
  /** Bytes of an archive, as they come. `format`: Docker's archive (which is an OCI layout too) or a bare OCI layout. */
  save(
    references: readonly string[],
    options: LongCall & {
      format: "docker" | "oci";
      platform?: string;
      write: (bytes: Uint8Array) => Promise<void>;
    },
  ): Promise<void>;
  load(
    archive: AsyncIterable<Uint8Array>,
    options: LongCall & { platform?: string },
  ): Promise<readonly string[]>;
  importArchive(
    archive: AsyncIterable<Uint8Array>,
    options: LongCall & {
      reference?: string;
      changes: readonly string[];
      message?: string;
      platform?: string;
    },
  ): Promise<string>;
  exportContainer(
    container: string,
    options: LongCall & { write: (bytes: Uint8Array) => Promise<void> },
  ): Promise<void>;
  commit(
    container: string,
    options: LongCall & { reference?: string; author?: string; message?: string; changes: readonly string[] },
  ): Promise<string>;
  diffImages(a: string, b: string, options: LongCall & { platform?: string }): Promise<ImageDiff>;
  /** In the foreground, with the caller's stdio. Resolves with the exit status. */
  run(request: RunRequest, options: LongCall): Promise<number>;
  containers(options: { all: boolean }): Promise<readonly ContainerSummary[]>;
  removeContainer(reference: string, options: { force: boolean }): Promise<string>;
  pruneContainers(): Promise<{ deleted: readonly string[]; reclaimed: number }>;
  diskUsage(): Promise<DiskUsage>;
  pruneSystem(
    options: LongCall & { all: boolean; volumes: boolean },
  ): Promise<{ removed: readonly string[]; reclaimed: number }>;
  check(options: LongCall & { repair: boolean; deep: boolean }): Promise<readonly Problem[]>;
}
