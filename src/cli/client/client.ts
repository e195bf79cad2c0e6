/**
 * What the command line asks of an engine. Shapes are those of Docker's Engine API (src/spec/docker), so that the in-process engine of today and the Docker
 * API client of the daemon are the same to every command. Each call rejects with SampanError.
 */
import type { ContainerInspect, ContainerSummary, ListRequest } from "../../spec/docker/containers.ts";
import type {
  DiskUsage,
  HistoryItem,
  ImageDiff,
  ImageInspect,
  ImageSummary,
  Problem,
  SearchResult,
} from "../../spec/docker/images.ts";
import type { LongCall } from "../../spec/docker/progress.ts";

export interface EngineClient extends AsyncDisposable {
  pull(
    reference: string,
    options: LongCall & { platform?: string; allTags?: boolean },
  ): Promise<{ id: string; digest: string; upToDate: boolean }>;
  push(
    reference: string,
    options: LongCall & { platform?: string; allTags?: boolean },
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
    options: LongCall & {
      reference?: string;
      author?: string;
      message?: string;
      changes: readonly string[];
      /** The container stands still meanwhile; unless false. */
      pause?: boolean;
    },
  ): Promise<string>;
  diffImages(a: string, b: string, options: LongCall & { platform?: string }): Promise<ImageDiff>;
  containers(request: ListRequest): Promise<readonly ContainerSummary[]>;
  inspectContainer(reference: string, options?: { size?: boolean }): Promise<ContainerInspect>;
  /** `volumes`: its anonymous volumes too. */
  removeContainer(
    reference: string,
    options: { force: boolean; volumes: boolean; link?: boolean },
  ): Promise<string>;
  pruneContainers(options?: {
    filters: Readonly<Record<string, readonly string[]>>;
  }): Promise<{ deleted: readonly string[]; reclaimed: number }>;
  diskUsage(): Promise<DiskUsage>;
  pruneSystem(
    options: LongCall & { all: boolean },
  ): Promise<{ removed: readonly string[]; reclaimed: number }>;
  check(options: LongCall & { repair: boolean; deep: boolean }): Promise<readonly Problem[]>;
}
