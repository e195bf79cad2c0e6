/** From a short row about a kind to the Resource that the server serves: what all kinds have in common is added here. */
import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import type { Form, Resource, ScalePaths, Strategy, Subresource, Table, Virtual } from "../resource.ts";
import { definitions, typePackages, type PackageName } from "./definitions.ts";
import { namedTable } from "./fields/columns.ts";
import { validateMetadata } from "./fields/metadata.ts";
import { subdomain, type NameRule } from "./fields/names.ts";
import { canonicalize } from "./fields/canonical.ts";

export interface KindRow {
  readonly package: PackageName;
  /** v1 when absent. */
  readonly version?: string;
  readonly kind: string;
  /** The singular with an `s` when absent. */
  readonly plural?: string;
  readonly shortNames?: readonly string[];
  /** In `kubectl get all`. */
  readonly inAll?: boolean;
  readonly namespaced?: boolean;
  readonly verbs?: readonly string[];
  readonly status?: boolean;
  readonly scale?: ScalePaths;
  readonly subresources?: readonly Subresource[];
  readonly generation?: boolean;
  readonly name?: NameRule;
  readonly strategy?: Strategy;
  readonly table?: Table;
  readonly form?: Form;
  readonly review?: Resource["review"];
  readonly virtual?: Virtual;
  readonly prepare?: () => Promise<void>;
}

const allVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

const groups: Readonly<Record<PackageName, string>> = {
  meta: "",
  core: "",
  apps: "apps",
  batch: "batch",
  discovery: "discovery.k8s.io",
  events: "events.k8s.io",
  coordination: "coordination.k8s.io",
  node: "node.k8s.io",
  scheduling: "scheduling.k8s.io",
  storage: "storage.k8s.io",
  certificates: "certificates.k8s.io",
  rbac: "rbac.authorization.k8s.io",
  authentication: "authentication.k8s.io",
  authorization: "authorization.k8s.io",
  apiextensions: "apiextensions.k8s.io",
  policy: "policy",
  autoscaling: "autoscaling",
  metrics: "metrics.k8s.io",
};

export function builtIn(row: KindRow): Resource {
  const singular = row.kind.toLowerCase();
  const definition = `${typePackages[row.package].name}.${row.kind}`;
  return {
    group: groups[row.package],
    version: row.version ?? "v1",
    storageVersion: row.version ?? "v1",
    plural: row.plural ?? `${singular}s`,
    singular,
    kind: row.kind,
    listKind: `${row.kind}List`,
    shortNames: row.shortNames ?? [],
    categories: row.inAll ? ["all"] : [],
    namespaced: row.namespaced ?? true,
    verbs: row.verbs ?? allVerbs,
    get schema() {
      const schema = definitions(definition);
      if (!schema) throw new Error(`no type table has ${definition}`);
      return schema;
    },
    definitions,
    status: row.status ?? false,
    ...(row.scale ? { scale: row.scale } : {}),
    subresources: row.subresources ?? [],
    strategy: strategyOf(row, definition),
    table: row.table ?? namedTable(),
    ...(row.review ? { review: row.review } : {}),
    ...(row.virtual ? { virtual: row.virtual } : {}),
    ...(row.prepare ? { prepare: row.prepare } : {}),
    ...(row.form ? { form: row.form } : {}),
    hasGeneration: row.generation ?? false,
    strategicMerge: true,
    definition,
  };
}

/** The kind's own strategy with what holds for every kind around it. */
function strategyOf(row: KindRow, definition: string): Strategy {
  const own = row.strategy ?? {};
  const schema = { $ref: definition };
  return {
    ...own,
    default(object) {
      const [problem] = canonicalize(object, schema, definitions);
      if (problem !== undefined) throw undecodable(row.kind, problem);
      own.default?.(object);
    },
    validate: (object, context) => [
      ...(row.review ? [] : validateMetadata(object, row.name ?? subdomain)),
      ...(own.validate?.(object, context) ?? []),
    ],
  };
}

/** What cannot be read is no object of the kind at all, as a wrong type is. */
function undecodable(kind: string, why: string): KubeError {
  return new KubeError("BadRequest", `${kind} in version "v1" cannot be handled as a ${kind}: ${why}`);
}
