/** Lists: pages of one state, with selectors. https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks */
import {
  KubeError,
  type KubeList,
  type KubeObject,
  type ListOptions,
} from "../../../../spec/kubernetes/kube.ts";
import type { Encodable } from "../registry.ts";
import { storageName, type Resource } from "../resource.ts";
import type { PageOptions, Stored } from "../storage/storage.ts";
import { ownForm, virtualObjects, type Core } from "./_core.ts";
import { continueToken, inconsistentToken, parseToken } from "./_continue.ts";
import { encodable, encodableOf } from "./_encodable.ts";
import { badRequest } from "../../../../spec/kubernetes/errors.ts";
import { mustExist, revisionOf } from "./_revision.ts";
import { selection, type Selection } from "./_selection.ts";

export type EncodableList = KubeList & { readonly encodables: readonly Encodable[] };

/** Objects that one step reads when not all of them are wanted. */
const step = 500;

interface Found {
  readonly items: readonly Stored[];
  readonly revision: number;
  readonly after?: PageOptions["after"];
  readonly remaining?: number;
}

export function list(core: Core, resource: Resource, options: ListOptions): EncodableList {
  const selected = selection(resource, options);
  if (resource.virtual) {
    const items = virtualObjects(core, resource, options.namespace);
    return listed(
      core,
      items.filter((object) => selected.matches(object)),
    );
  }
  const { at, after } = begin(core, options);
  const limit = options.limit !== undefined && options.limit > 0 ? options.limit : 0;
  const found = read(core, resource, {
    selected,
    limit,
    page: {
      ...(resource.namespaced && options.namespace ? { namespace: options.namespace } : {}),
      ...(at === undefined ? {} : { at }),
      ...(after ? { after } : {}),
    },
  });
  return answer(found, { resource, all: selected.all });
}

/** Objects that are nowhere stored, all at once. */
function listed({ storage }: Core, items: readonly KubeObject[]): EncodableList {
  return { items, encodables: items.map(encodable), resourceVersion: String(storage.revision) };
}

function answer(found: Found, { resource, all }: { resource: Resource; all: boolean }): EncodableList {
  const encodables = found.items.map((stored) => encodableOf(stored, resource));
  let items: readonly KubeObject[] | undefined;
  return {
    get items() {
      return (items ??= encodables.map(({ object }) => object));
    },
    encodables,
    resourceVersion: String(found.revision),
    ...(found.after ? { continue: continueToken(found.revision, found.after) } : {}),
    ...(found.after && all && found.remaining !== undefined ? { remainingItemCount: found.remaining } : {}),
  };
}

/** Which state, and from where in it. */
function begin(core: Core, options: ListOptions): Pick<PageOptions, "at" | "after"> {
  const { resourceVersion = "", resourceVersionMatch } = options;
  if (options.continue) return resume(core, options.continue, options);
  const revision = revisionOf(resourceVersion);
  if (resourceVersionMatch !== undefined && resourceVersion === "")
    throw badRequest("resourceVersionMatch is forbidden unless resourceVersion is provided");
  if (resourceVersionMatch === "Exact" && revision === 0)
    throw badRequest('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  if (revision === 0) return {};
  mustExist(core.storage, revision);
  const exact =
    resourceVersionMatch === "Exact" || (resourceVersionMatch === undefined && (options.limit ?? 0) > 0);
  if (!exact) return {};
  if (revision < core.storage.oldest)
    throw new KubeError("Expired", "The resourceVersion for the provided list is too old.");
  return { at: revision };
}

function resume(core: Core, text: string, options: ListOptions): Pick<PageOptions, "at" | "after"> {
  if (options.resourceVersionMatch !== undefined)
    throw badRequest("resourceVersionMatch is forbidden when continue is provided");
  if (options.resourceVersion !== undefined && !["", "0"].includes(options.resourceVersion))
    throw badRequest("specifying resource version is not allowed when using continue");
  const { revision, after } = parseToken(text);
  if (revision === undefined) return { after };
  mustExist(core.storage, revision);
  if (revision >= core.storage.oldest) return { at: revision, after };
  throw new KubeError(
    "Expired",
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
    undefined,
    { continue: inconsistentToken(after) },
  );
}

interface Reading {
  readonly selected: Selection;
  readonly limit: number;
  readonly page: PageOptions;
}

function read(core: Core, resource: Resource, { selected, limit, page }: Reading): Found {
  const name = storageName(resource);
  if (selected.all) return core.storage.list(name, limit > 0 ? { ...page, limit } : page);
  const alone = onlyOne(core, resource, { selected, limit, page });
  if (alone) return alone;
  const items: Stored[] = [];
  let { after } = page;
  let at = page.at;
  for (;;) {
    const found = core.storage.list(name, {
      ...page,
      ...(after ? { after } : {}),
      ...(at === undefined ? {} : { at }),
      limit: step,
    });
    at = found.revision;
    for (const [index, stored] of found.items.entries()) {
      if (!selected.matches(ownForm(stored.object, resource))) continue;
      items.push(stored);
      const more = found.after !== undefined || index < found.items.length - 1;
      if (limit > 0 && items.length === limit && more) {
        const { namespace, name: last } = stored.key;
        return { items, revision: found.revision, after: { namespace, name: last } };
      }
    }
    if (!found.after) return { items, revision: found.revision };
    ({ after } = found);
  }
}

/** One name in one place needs no search: it is how clients wait for one object. */
function onlyOne(core: Core, resource: Resource, { selected, page }: Reading): Found | undefined {
  const { namespace, at, after } = page;
  const { name } = selected;
  const somewhere = resource.namespaced && namespace === undefined;
  if (name === undefined || somewhere || at !== undefined || after) return undefined;
  const stored = core.storage.get({ resource: storageName(resource), namespace: namespace ?? "", name });
  const items = stored && selected.matches(ownForm(stored.object, resource)) ? [stored] : [];
  return { items, revision: core.storage.revision };
}
