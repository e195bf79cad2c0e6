/**
 * The contract of volumes: folders that outlive containers, `volumes/<name>/_data` below the data root, each with a row. Driver `local`; its options `type`, `o`, `device` mount a
 * tmpfs, an NFS share or another folder there while a container uses it; `size` limits it where the file system has project quotas, or is refused with the reason.
 */
export interface VolumeInfo {
  readonly name: string;
  readonly driver: "local";
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly created: Date;
  /** Made for one container that named none, and removed with it when that is asked. */
  readonly anonymous: boolean;
  /** Absolute. */
  readonly mountpoint: string;
}

export interface Volumes {
  list(): readonly VolumeInfo[];
  /** Errors: `not_found`. */
  get(name: string): VolumeInfo;
  /** Idempotent for the same driver and options. Without a name: 64 hexadecimal digits, anonymous. Errors: `invalid_argument`, `already_exists` for other options. */
  create(request: {
    readonly name?: string;
    readonly driver?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly options?: Readonly<Record<string, string>>;
    readonly anonymous?: boolean;
  }): Promise<VolumeInfo>;
  /** Errors: `failed_precondition` naming the containers that use it; `not_found` without force. */
  remove(name: string, options?: { readonly force?: boolean }): Promise<void>;
  /** Mounts what its options ask for, and gives the folder. Idempotent; undone by `release` when no running container uses it any more. */
  acquire(name: string, container: string, signal?: AbortSignal): Promise<string>;
  release(name: string, container: string): Promise<void>;
  /** Ids of the containers that name it. */
  users(name: string): readonly string[];
}
