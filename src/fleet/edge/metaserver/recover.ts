/**
 * A store that was begun anew (the database was damaged, or its disk replaced) lacks what the cloud believes that it has, and KubeEdge's clouds send an object again only when it changes. So its pods and
 * devices are asked for, once. What pods refer to is asked for when they start.
 */
import { pause, type Clock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";
import type { CloudLink } from "../hub/hub.ts";
import type { LocalMeta } from "../meta/open.ts";
import { resourceKey, type CloudApi } from "./cloud-api.ts";
import { listOf } from "./subscriptions.ts";

export interface RecoverOptions {
  readonly link: CloudLink;
  readonly meta: LocalMeta;
  readonly api: CloudApi;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}

interface Lost {
  readonly type: string;
  readonly id: ResourceId;
  readonly options: (node: string) => object;
}

const devices = { group: "devices.kubeedge.io", version: "v1beta1" } as const;
/** Models before devices, as the cloud sends them. */
const lost: readonly Lost[] = [
  {
    type: "pod",
    id: { group: "", version: "v1", resource: "pods" },
    options: (node) => ({ fieldSelector: `spec.nodeName=${node}` }),
  },
  { type: "devicemodel", id: { ...devices, resource: "devicemodels" }, options: () => ({}) },
  { type: "device", id: { ...devices, resource: "devices" }, options: () => ({}) },
];

/** Milliseconds between attempts, and how many: an old cloud may not answer these questions at all. */
const again = 30_000;
const attempts = 20;
const done = "recovered";

/** Resolves when nothing is lacking that the cloud knows; not at all when the cloud does not say. */
export async function recover(options: RecoverOptions): Promise<void> {
  const { meta, log, signal } = options;
  if (meta.mirror.document(done) !== undefined) return;
  try {
    await run(options);
    if (!signal.aborted) return;
  } catch (error) {
    if (!signal.aborted) log(`cannot ask for what the store lacks: ${SampanError.from(error).message}`);
  }
  await new Promise<never>(() => {});
}

async function run(options: RecoverOptions): Promise<void> {
  const { link, meta, clock, signal, log } = options;
  let last: unknown;
  for (let attempt = 0; attempt < attempts && !signal.aborted;) {
    if (link.connected)
      try {
        attempt += 1;
        let count = 0;
        for (const each of lost) count += await ask(options, each);
        meta.mirror.keepDocument(done, "true");
        if (count > 0) log(`${count} objects of this node were asked for, since its store is new`);
        return;
      } catch (error) {
        last = error;
      }
    await pause(clock, link.connected ? again : 1_000, signal);
  }
  if (!signal.aborted) throw last ?? new Error("the cloud is not connected");
}

async function ask(
  { link, meta, api, signal }: RecoverOptions,
  { type, id, options }: Lost,
): Promise<number> {
  const key = resourceKey(id, undefined, undefined);
  const objects = listOf(await api.ask({ verb: "list", key, options: options(link.node), signal }));
  return objects.filter((object) => put(meta, type, object)).length;
}

/** As the cloud's own message would be: other nodes' objects and older versions are left out. */
function put(meta: LocalMeta, type: string, object: KubeObject): boolean {
  const { namespace, name } = object.metadata;
  if (namespace === undefined || name === undefined) return false;
  return meta.offer({ namespace, type, name }, object);
}
