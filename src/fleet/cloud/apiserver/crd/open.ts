/** Everything that is served: the built-in kinds, and those of the CustomResourceDefinitions that are stored, as they come and go. */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { follow } from "../auth/follow.ts";
import { type Resource, type Resources, storageName } from "../resource.ts";
import type { Stored, Storage } from "../storage/storage.ts";
import { openCleanup } from "./cleanup.ts";
import { definitionsName, isEstablished, type Names, readDefinition } from "./definition.ts";
import type { Taken } from "./names.ts";
import { customResources } from "./resource.ts";
import { metaTime, settleStatus } from "./status.ts";
import { definitionResource } from "./strategy.ts";

export interface ResourcesOptions {
  readonly builtIn: readonly Resource[];
  readonly storage: Storage;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** What goes wrong with the deletion of a definition's objects; it is tried again. */
  readonly log?: (text: string) => void;
}

interface Served {
  readonly revision: number;
  readonly object: KubeObject;
  readonly resources: readonly Resource[];
}

/**
 * What is stored is served when this returns; a definition that a client saw established is served at once. When one is deleted its objects go first.
 * Disposing of it ends that; it is done before the storage is closed.
 */
export function openResources(options: ResourcesOptions): Resources & AsyncDisposable {
  return new CustomResources(options);
}

class CustomResources implements Resources, AsyncDisposable {
  readonly #storage: Storage;
  readonly #builtIn: readonly Resource[];
  readonly #served = new Map<string, Served>();
  readonly #cleanup: ReturnType<typeof openCleanup>;
  readonly #following: AsyncDisposable;
  readonly #now: () => number;
  readonly #log: (text: string) => void;
  #all: readonly Resource[] | undefined;
  #generation = 1;

  constructor({ builtIn, storage, now = Date.now, log = () => {} }: ResourcesOptions) {
    this.#storage = storage;
    this.#now = now;
    this.#log = log;
    const taken = (group: string, but: string): readonly Taken[] => this.#taken(group, but);
    this.#builtIn = builtIn.map((resource) =>
      storageName(resource) === definitionsName ? definitionResource(resource, taken) : resource,
    );
    this.#cleanup = openCleanup({ storage, now, log });
    this.#following = follow(storage, definitionsName, {
      reset: () => this.#readAll(),
      change: ({ type, stored }) => (type === "put" ? this.#put(stored) : this.#remove(stored.key.name)),
    });
  }

  get generation(): number {
    return this.#generation;
  }

  all(): readonly Resource[] {
    this.#all ??= [...this.#builtIn, ...[...this.#served.values()].flatMap(({ resources }) => resources)];
    return this.#all;
  }

  find(group: string, version: string, plural: string): Resource | undefined {
    const builtIn = this.#builtIn.find(
      (resource) => resource.plural === plural && resource.group === group && resource.version === version,
    );
    if (builtIn || !group.includes(".")) return builtIn;
    return this.#current(`${plural}.${group}`)?.resources.find((resource) => resource.version === version);
  }

  byKind(group: string, kind: string): Resource | undefined {
    const found = this.all().filter((resource) => resource.kind === kind && resource.group === group);
    return found.find(({ version, storageVersion }) => version === storageVersion) ?? found[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#following[Symbol.asyncDispose]();
    await this.#cleanup[Symbol.asyncDispose]();
  }

  /** What is not known yet is asked of the storage: who was told that a definition is established must find its objects, though the change be not handed out. */
  #current(name: string): Served | undefined {
    const known = this.#served.get(name);
    if (known && known.resources.length > 0) return known;
    const stored = this.#storage.get({ resource: definitionsName, namespace: "", name });
    return stored && this.#put(stored);
  }

  #readAll(): void {
    const { items } = this.#storage.list(definitionsName);
    const names = new Set(items.map(({ key }) => key.name));
    for (const name of this.#served.keys()) if (!names.has(name)) this.#remove(name);
    for (const stored of items) this.#put(stored);
  }

  #put(stored: Stored): Served {
    const { revision, object, key } = stored;
    const known = this.#served.get(key.name);
    if (known && known.revision >= revision) return known;
    const resources = isEstablished(object) ? this.#resourcesOf(object, known) : [];
    const served = { revision, object, resources };
    this.#served.set(key.name, served);
    if (resources !== known?.resources) this.#changed();
    this.#cleanup.look(object);
    return served;
  }

  /** The same as before while the spec is: most changes are of the status. */
  #resourcesOf(object: KubeObject, known: Served | undefined): readonly Resource[] {
    const same =
      known &&
      known.resources.length > 0 &&
      JSON.stringify(known.object["spec"]) === JSON.stringify(object["spec"]);
    return same ? known.resources : customResources(object);
  }

  #remove(name: string): void {
    const gone = this.#served.get(name);
    if (!gone) return;
    this.#served.delete(name);
    this.#changed();
    const { group } = readDefinition(gone.object);
    for (const [other, { object }] of this.#served)
      if (!isEstablished(object) && readDefinition(object).group === group) void this.#askAgain(other);
  }

  /** Names that a definition did not get may be free now. */
  async #askAgain(name: string): Promise<void> {
    const key = { resource: definitionsName, namespace: "", name };
    try {
      await this.#storage.write((transaction) => {
        const current = transaction.get(key)?.object;
        if (!current || isEstablished(current)) return;
        const object = structuredClone(current);
        const { group } = readDefinition(object);
        settleStatus(object, this.#taken(group, name), metaTime(this.#now()));
        transaction.put(key, object);
      });
    } catch (error) {
      this.#log(
        `cannot settle the names of ${name}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  #changed(): void {
    this.#all = undefined;
    this.#generation++;
  }

  /** Accepted names of a group, but for those of one definition. */
  #taken(group: string, but: string): readonly Taken[] {
    const builtIn = this.#builtIn
      .filter((resource) => resource.group === group)
      .map((resource): Taken => ({ definition: "", group, names: resource satisfies Names }));
    const custom = [...this.#served].flatMap(([definition, { object }]): Taken[] => {
      const { names, group: theirs } = readDefinition(object);
      return theirs === group && definition !== but && isEstablished(object)
        ? [{ definition, group, names }]
        : [];
    });
    return [...builtIn, ...custom];
  }
}
