/** What an edge lacks: pure. */
import { compareVersions } from "../../link/envelope.ts";
import type { Delivery, Source } from "../hub/hub.ts";
import type { Sync } from "./shelf.ts";

/** All that brings an edge from what it has to what it should have. */
export function* lacking(
  node: string,
  syncs: ReadonlyMap<string, Sync>,
  sources: readonly Source[],
): Generator<Delivery> {
  const wanted = new Set<string>();
  for (const source of sources) {
    for (const each of source.wanted(node)) {
      const { uid = "", resourceVersion } = each.object.metadata;
      wanted.add(uid);
      const sync = syncs.get(uid);
      if (sync?.version === undefined) yield { ...each, operation: each.first ?? "insert" };
      else if (isNewer(resourceVersion, sync.version)) yield { ...each, operation: "update" };
    }
  }
  const kinds = new Map(
    sources.flatMap((source) => source.kinds.map((kind) => [nameOf(kind), kind] as const)),
  );
  for (const sync of syncs.values())
    if (!wanted.has(sync.uid) && kinds.has(nameOf(sync))) yield removal(sync);
}

/** Whether an edge that acknowledged `had` lacks `version`. */
export function isNewer(version: string | undefined, had: string | undefined): boolean {
  return compareVersions(version, had) > 0;
}

function nameOf({ apiVersion, kind }: { readonly apiVersion: string; readonly kind: string }): string {
  return `${apiVersion}/${kind}`;
}

const sources: Readonly<Record<string, string>> = {
  "devices.kubeedge.io": "devicecontroller",
  "policy.kubeedge.io": "policycontroller",
};

/** A deletion with what is known of the object: its place and its uid. */
function removal({ uid, namespace, apiVersion, kind, name }: Sync): Delivery {
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }), uid };
  return {
    operation: "delete",
    object: { apiVersion, kind, metadata },
    type: kind.toLowerCase(),
    source: sources[apiVersion.split("/")[0] ?? ""] ?? "edgecontroller",
  };
}
