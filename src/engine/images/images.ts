/**
 * The contract of images. A *record* is a target (the manifest or index that was pulled, loaded or made) that is here; *names* point to records. A record
 * whose last name was taken away stays, dangling, until prune or rmi, as with Docker. Removing the record makes its content garbage for gc.
 *
 * An image's id is the digest of its configuration for the platform at hand, as with Docker and the CRI. Of an index only the wanted platforms' content is fetched;
 * the others' descriptors stay known.
 *
 * Records and names are rows: these calls are synchronous and compose in Store.transaction. The long verbs (pull, push, save, load, import, export, commit,
 * diff, prune) are functions of their own, one file each, which take the parts of Engine that they need.
 */
import type { Digest } from "../../spec/image/digest.ts";
import type { Descriptor, ImageConfig, Manifest, Platform } from "../../spec/image/types.ts";

/** One platform of a record whose manifest, configuration and layers are here. */
export interface LocalImage {
  /** The image id: the configuration's digest. */
  readonly id: Digest;
  /** What the names point to: an index or a manifest. */
  readonly target: Descriptor;
  readonly manifest: Descriptor;
  readonly platform: Platform;
  /** `docker.io/library/alpine:latest`; none when dangling. */
  readonly names: readonly string[];
  /** `docker.io/library/alpine@sha256:…`, for each repository it was pulled from or pushed to. */
  readonly repoDigests: readonly string[];
  readonly created: Date | undefined;
  /** When it was pulled, loaded or made here. */
  readonly stored: Date;
  readonly labels: Readonly<Record<string, string>>;
  /** Bytes of manifest, configuration and layers as stored. */
  readonly contentSize: number;
  /** Bytes of its layers unpacked, shared ones too; 0 before they are unpacked. */
  readonly unpackedSize: number;
  readonly layers: readonly {
    readonly descriptor: Descriptor;
    readonly diffId: Digest;
    readonly chainId: Digest;
  }[];
}

/** What pull, load, import and commit hand over; the blobs are published in the same transaction. */
export interface NewImage {
  readonly target: Descriptor;
  readonly platforms: readonly {
    readonly manifest: Descriptor;
    readonly document: Manifest;
    readonly config: ImageConfig;
  }[];
}

export interface Images {
  /** All local images, newest first. Quick with thousands: rows only. */
  list(): readonly LocalImage[];
  /**
   * By name (`alpine`, `alpine:3`, `alpine@sha256:…`), id, or the beginning of an id (unique, at least 3 digits, with or without `sha256:`). Of several platforms the wanted
   * one, default the host's. Errors: `not_found`; `invalid_argument` when the beginning of an id fits several.
   */
  get(reference: string, platform?: Platform): LocalImage;
  find(reference: string, platform?: Platform): LocalImage | undefined;
  /** All platforms of the record that the reference means. */
  platforms(reference: string): readonly LocalImage[];
  /** Adds or refreshes the record and its derived columns. */
  put(image: NewImage): void;
  /** Points a name (normalised, with tag) to a record that is here; from whatever it pointed to. */
  name(reference: string, target: Digest): void;
  addRepoDigest(repository: string, target: Digest): void;
  unname(reference: string): boolean;
  /** The record with all names and repo digests. Errors: `failed_precondition` when a container uses it. */
  remove(target: Digest): void;
  /** The image's configuration, read from content and checked. */
  config(image: LocalImage): Promise<ImageConfig>;
  manifest(image: LocalImage): Promise<Manifest>;
}

/** Events of a long verb, for progress bars and plain lines. Sizes in bytes. */
export type Progress =
  | { readonly kind: "resolving" | "note"; readonly text: string }
  | {
      readonly kind: "layer";
      readonly digest: Digest;
      readonly step: "waiting" | "downloading" | "unpacking" | "uploading" | "exists" | "done";
      readonly done: number;
      readonly total: number;
    };
export type OnProgress = (event: Progress) => void;
