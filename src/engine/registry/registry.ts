/**
 * The contract of a registry client: OCI distribution specification 1.1 and Docker Registry HTTP API v2. One `Repository` is one repository on one registry,
 * with its mirrors, its TLS settings and its credentials; it holds no state on disk.
 *
 * Every call has a deadline for each step (no answer for 60 s, ten minutes after an upload; no byte for 60 s) and takes a signal. Safe requests are tried again (5 times, from 0.5 s doubling with jitter, Retry-After
 * obeyed) on connection errors, 408, 429 and 5xx. Credentials go only to the host that asked for them or its own token server, never along a redirect.
 *
 * Errors: `unauthenticated` (401 after the credentials were tried), `permission_denied` (403), `not_found`, `unavailable` (network, 5xx after all tries), `data_loss` (digest or
 * size differs), `invalid_argument` (wrong media type), `deadline_exceeded`, `cancelled`.
 */
import type { Digest } from "../../spec/image/digest.ts";
import type { Descriptor } from "../../spec/image/types.ts";
import type { Credentials } from "./docker-config.ts";

export interface FetchedManifest {
  readonly descriptor: Descriptor;
  /** Verified: they have the descriptor's digest. At most 4 MiB. */
  readonly bytes: Uint8Array;
}

export interface Repository {
  /** `docker.io/library/alpine`. */
  readonly name: string;
  /** HEAD: the digest that a tag means now; undefined when the server does not say, or refuses: asking for the manifest gives its reason. */
  resolve(reference: string, signal?: AbortSignal): Promise<Descriptor | undefined>;
  /** By tag or digest. The media type must be one of the four known manifests, and must fit the document. */
  manifest(reference: string, signal?: AbortSignal): Promise<FetchedManifest>;
  /**
   * The bytes from `offset` on, in order, without retry in the middle: the caller resumes. `offset` of the answer is 0 when the server ignored the range.
   * Bytes are not verified here (Ingest does). Descriptor.urls (foreign layers) are tried without credentials after the registry itself.
   */
  blob(
    descriptor: Descriptor,
    offset: number,
    signal?: AbortSignal,
  ): Promise<{ offset: number; size: number | undefined; body: ReadableStream<Uint8Array> }>;
  /** The pause before a transfer is taken up again, after so many failures in a row. Rejects with `cancelled`. */
  pause(failures: number, signal?: AbortSignal): Promise<void>;
  hasBlob(digest: Digest, signal?: AbortSignal): Promise<boolean>;
  /** Uploads unless it is there; with `mountFrom` it is first asked for from that repository of the same registry. `path` is the file. */
  putBlob(
    descriptor: Descriptor,
    path: string,
    options?: { mountFrom?: readonly string[]; progress?: (sent: number) => void; signal?: AbortSignal },
  ): Promise<"uploaded" | "existed" | "mounted">;
  putManifest(reference: string, bytes: Uint8Array, mediaType: string, signal?: AbortSignal): Promise<Digest>;
  tags(signal?: AbortSignal): Promise<readonly string[]>;
}

/** What a caller may bring along; `bearer`: the secret is a token for the registry itself. */
export type CallerCredentials =
  Credentials | { readonly username: string; readonly secret: string; readonly kind: "bearer" };

export interface Registries {
  /** The same for one caller, who has credentials of its own for this registry: nothing of it is kept, and no tokens are shared. */
  as(registry: string, credentials: CallerCredentials): Registries;
  /** `name`: `registry/repository`, normalised. */
  repository(name: string, actions: "pull" | "pull,push"): Repository;
  /** Tries the credentials with the registry. Errors: `unauthenticated`. */
  login(
    registry: string,
    credentials: { username: string; secret: string },
    signal?: AbortSignal,
  ): Promise<void>;
  /** Names that match: Docker's v1 search where the registry has it, else its catalog. */
  search(
    registry: string,
    term: string,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly { name: string; description: string; stars: number; official: boolean }[]>;
}
