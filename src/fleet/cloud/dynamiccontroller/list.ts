/** A list as JSON, read page by page and no larger than a message may be. */
import {
  KubeError,
  type KubeClient,
  type KubeObject,
  type ListOptions,
  type ResourceId,
} from "../../../spec/kubernetes/kube.ts";
import { parseFieldSelector, parseLabelSelector } from "../../../spec/kubernetes/selectors.ts";
import { apiVersionOf, kindOf, withKind } from "./kinds.ts";

export type Page = readonly KubeObject[];

/** Bytes of an answer. Written in base64 into a message of 32 MiB at most, of which edges of old releases take less. */
export const largestAnswer = 12 << 20;
const pageSize = 500;

export interface ListCall extends Omit<ListOptions, "signal" | "resourceVersionMatch"> {
  readonly signal: AbortSignal;
  readonly name?: string;
  /** What is left of a page, and how it looks. */
  readonly change: (page: Page) => Page;
  /** All objects of which the list is, where they are known already. */
  readonly known?: Page;
}

/** KubeError `RequestEntityTooLarge` beyond `largestAnswer`. */
export async function listWhole(client: KubeClient, id: ResourceId, call: ListCall): Promise<string> {
  const { change, known, signal } = call;
  const body = new Body();
  if (known) {
    const found = known.filter(selected(call));
    for (const each of change(found.map((item) => withKind(item, id)))) body.add(each);
    return await finish(client, id, { body, signal, metadata: { resourceVersion: highest(found) } });
  }
  let metadata: object;
  let next = call.continue;
  do {
    const list = await client.list(id, optionsOf(call, next));
    for (const each of change(list.items.map((item) => withKind(item, id)))) body.add(each);
    next = list.continue;
    metadata = {
      resourceVersion: list.resourceVersion,
      ...(next ? { continue: next } : {}),
      ...(next && list.remainingItemCount !== undefined
        ? { remainingItemCount: list.remainingItemCount }
        : {}),
    };
  } while (next && call.limit === undefined);
  return await finish(client, id, { body, signal, metadata });
}

function optionsOf(
  { namespace, name, labelSelector, fieldSelector, limit, resourceVersion, signal }: ListCall,
  next: string | undefined,
): ListOptions {
  const fields = [fieldSelector, name === undefined ? undefined : `metadata.name=${name}`].filter(Boolean);
  return {
    limit: limit ?? pageSize,
    signal,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fields.length > 0 ? { fieldSelector: fields.join(",") } : {}),
    ...(next ? { continue: next } : resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

/** Whether an object is of the list: for those that are known here. */
function selected({
  namespace,
  name,
  labelSelector,
  fieldSelector,
}: ListCall): (object: KubeObject) => boolean {
  const labels = parseLabelSelector(labelSelector);
  const fields = parseFieldSelector(fieldSelector);
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    (name === undefined || object.metadata.name === name) &&
    labels.matches(object.metadata.labels) &&
    fields.matches(fieldsOf(object));
}

/** What field selectors of a watch or of known objects can name. */
export function fieldsOf(object: KubeObject): Readonly<Record<string, string>> {
  const { metadata, spec, status, type } = object as KubeObject & {
    readonly spec?: { readonly nodeName?: string };
    readonly status?: { readonly phase?: string };
  };
  return {
    "metadata.name": metadata.name ?? "",
    "metadata.namespace": metadata.namespace ?? "",
    "spec.nodeName": spec?.nodeName ?? "",
    "status.phase": status?.phase ?? "",
    type: typeof type === "string" ? type : "",
  };
}

function highest(objects: Page): string {
  return String(Math.max(0, ...objects.map(({ metadata }) => Number(metadata.resourceVersion ?? 0))));
}

class Body {
  kind: string | undefined;
  private readonly items: string[] = [];
  private bytes = 0;

  add(object: KubeObject): void {
    const text = JSON.stringify(object);
    this.kind ??= object.kind;
    this.bytes += Buffer.byteLength(text) + 1;
    if (this.bytes > largestAnswer) throw tooLarge();
    this.items.push(text);
  }

  close(head: object): string {
    return `${JSON.stringify(head).slice(0, -1)},"items":[${this.items.join(",")}]}`;
  }
}

interface Finish {
  readonly body: Body;
  readonly metadata: object;
  readonly signal: AbortSignal;
}

async function finish(
  client: KubeClient,
  id: ResourceId,
  { body, metadata, signal }: Finish,
): Promise<string> {
  const kind = body.kind || (await kindOf(client, id, signal));
  return body.close({ kind: `${kind}List`, apiVersion: apiVersionOf(id), metadata });
}

export function tooLarge(): KubeError {
  const limit = `${largestAnswer >> 20} MiB`;
  return new KubeError(
    "RequestEntityTooLarge",
    `the answer is larger than ${limit}, which is the most that a node is sent at once: ask with a selector, a namespace or a limit`,
  );
}
