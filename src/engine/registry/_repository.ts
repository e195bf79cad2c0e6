/** One repository: what is fetched is asked of the mirrors first, what is changed goes to the registry itself. */
import { isDigest, type Digest } from "../../spec/image/digest.ts";
import type { Descriptor } from "../../spec/image/types.ts";
import type { FetchedManifest, Repository } from "./registry.ts";
import { SampanError } from "../../base/errors.ts";
import { blobExists, fetchBlob, fetchForeign, type BlobBody } from "./_blob.ts";
import { Client, type ClientParts } from "./_client.ts";
import { listTags } from "./_lists.ts";
import { fetchManifest, pushManifest, resolveManifest } from "./_manifest.ts";
import { addressOf } from "./_address.ts";
import type { Capability } from "./_hosts-file.ts";
import { pauseBefore } from "./_patience.ts";
import { uploadBlob } from "./_upload.ts";

/** Milliseconds. */
const longestTransferPause = 10_000;

interface Place {
  readonly name: string;
  /** Without the registry: `library/alpine`. */
  readonly path: string;
  readonly actions: "pull" | "pull,push";
  /** In the order in which they are asked. */
  readonly servers: readonly Server[];
  /** The registry's own. */
  readonly own: Client;
  readonly parts: ClientParts;
}

export interface Server {
  readonly client: Client;
  readonly can: ReadonlySet<Capability>;
  /** It could not be reached, and is passed over until then: milliseconds of performance.now(). */
  down?: { readonly until: number; readonly why: string };
}

/** Milliseconds. Each request would wait for a mirror that is not there, as long as for one that thinks. */
const downFor = 60_000;

/** No answer came; one with a status that is a failure comes soon enough. */
function isUnreachable(error: unknown): boolean {
  const { code, cause } = SampanError.from(error);
  return code === "deadline_exceeded" || (code === "unavailable" && cause !== undefined);
}

/** What a tag means is to be said by those that are trusted with it; a digest speaks for itself. */
function neededFor(reference: string): Capability {
  return isDigest(reference) ? "pull" : "resolve";
}

export class RemoteRepository implements Repository {
  readonly name: string;
  readonly #place: Place;

  constructor(place: Place) {
    this.name = place.name;
    this.#place = place;
  }

  resolve(reference: string, signal?: AbortSignal): Promise<Descriptor | undefined> {
    return this.#anywhere(
      neededFor(reference),
      (client, tries) => resolveManifest(client, { ...this.#call(tries, signal), reference }),
      signal,
    );
  }

  manifest(reference: string, signal?: AbortSignal): Promise<FetchedManifest> {
    return this.#anywhere(
      neededFor(reference),
      (client, tries) => fetchManifest(client, { ...this.#call(tries, signal), reference }),
      signal,
    );
  }

  async blob(descriptor: Descriptor, offset: number, signal?: AbortSignal): Promise<BlobBody> {
    try {
      return await this.#anywhere(
        "pull",
        (client, tries) => fetchBlob(client, descriptor, offset, this.#call(tries, signal)),
        signal,
      );
    } catch (error) {
      if (signal?.aborted || !descriptor.urls?.length) throw error;
      return await this.#foreign(descriptor, offset, { error, ...(signal ? { signal } : {}) });
    }
  }

  pause(failures: number, signal?: AbortSignal): Promise<void> {
    const { patience } = this.#place.parts;
    return patience.wait(Math.min(pauseBefore(failures + 1, patience), longestTransferPause), signal);
  }

  hasBlob(digest: Digest, signal?: AbortSignal): Promise<boolean> {
    return blobExists(this.#pushed(), digest, this.#call({}, signal));
  }

  putBlob(
    descriptor: Descriptor,
    path: string,
    options: { mountFrom?: readonly string[]; progress?: (sent: number) => void; signal?: AbortSignal } = {},
  ): Promise<"uploaded" | "existed" | "mounted"> {
    const { parts } = this.#place;
    const prefix = `${this.name.slice(0, this.name.indexOf("/"))}/`;
    return uploadBlob(this.#pushed(), {
      descriptor,
      path,
      repository: this.#place.path,
      mountFrom: (options.mountFrom ?? []).map((from) =>
        from.startsWith(prefix) ? from.slice(prefix.length) : from,
      ),
      progress: options.progress ?? (() => {}),
      patience: parts.patience,
      signal: options.signal,
    });
  }

  putManifest(
    reference: string,
    bytes: Uint8Array,
    mediaType: string,
    signal?: AbortSignal,
  ): Promise<Digest> {
    const { parts } = this.#place;
    return pushManifest(this.#pushed(), {
      ...this.#call({ tries: parts.patience.tries }, signal),
      reference,
      bytes,
      mediaType,
    });
  }

  tags(signal?: AbortSignal): Promise<readonly string[]> {
    return listTags(this.#place.own, this.#call({}, signal));
  }

  #call(tries: { tries?: number }, signal: AbortSignal | undefined) {
    const { path, actions } = this.#place;
    return { repository: path, scopes: [`repository:${path}:${actions}`], signal, ...tries };
  }

  /** A mirror that fails in whatever way is passed over, after one try: the registry itself has the last word. */
  async #anywhere<T>(
    needed: Capability,
    ask: (client: Client, tries: { tries?: number }) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const able = this.#place.servers.filter(({ can }) => can.has(needed));
    const last = able.at(-1);
    if (!last) throw this.#unable(needed);
    const failures: string[] = [];
    for (const server of able.slice(0, -1)) {
      const { client, down } = server;
      if (down && performance.now() < down.until) {
        failures.push(down.why);
        continue;
      }
      try {
        const found = await ask(client, { tries: 1 });
        if (found !== undefined) return found;
      } catch (error) {
        if (signal?.aborted) throw error;
        const why = `"${client.address.host}": ${SampanError.from(error).message}`;
        failures.push(why);
        if (isUnreachable(error)) server.down = { until: performance.now() + downFor, why };
      }
    }
    try {
      return await ask(last.client, {});
    } catch (error) {
      if (signal?.aborted || failures.length === 0) throw error;
      const { code, message, cause } = SampanError.from(error);
      const before = failures.slice(0, 3).join("; ");
      throw new SampanError(code, `${message} (before it, mirror ${before})`, { cause });
    }
  }

  #pushed(): Client {
    const server = this.#place.servers.find(({ can }) => can.has("push"));
    if (server) return server.client;
    throw this.#unable("push");
  }

  #unable(needed: Capability): SampanError {
    const registry = this.name.slice(0, this.name.indexOf("/"));
    return new SampanError(
      "failed_precondition",
      `cannot use registry "${registry}": none of its servers has the capability "${needed}" in hosts.toml`,
    );
  }

  async #foreign(
    descriptor: Descriptor,
    offset: number,
    { error, signal }: { error: unknown; signal?: AbortSignal },
  ): Promise<BlobBody> {
    const { parts } = this.#place;
    for (const text of descriptor.urls ?? []) {
      const url = URL.parse(text);
      if (!url || (url.protocol !== "https:" && url.protocol !== "http:")) continue;
      const anonymous = { ...parts, credentials: () => Promise.resolve(undefined) };
      const address = {
        ...addressOf(url.host, parts.settings),
        scheme: url.protocol === "https:" ? "https" : "http",
      } as const;
      const client = new Client(address, anonymous);
      const call = { repository: this.#place.path, scopes: [], signal };
      const found = await fetchForeign(client, url, { descriptor, offset, call }).catch((last: unknown) => {
        if (signal?.aborted) throw last;
        return undefined;
      });
      if (found) return found;
    }
    throw SampanError.from(error);
  }
}
