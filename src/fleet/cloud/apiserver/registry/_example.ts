/** For tests: a registry over a database of its own, with a namespace, and short ways to its verbs. */
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtInResources } from "../types/resources.ts";
import { loopback } from "../auth/auth.ts";
import type { KubeClient, KubeObject, PatchType, ResourceId } from "../../../../spec/kubernetes/kube.ts";
import { objectMeta } from "../schema/metadata.ts";
import type { Registry, RequestContext } from "../registry.ts";
import type { Resource, Resources } from "../resource.ts";
import { openStorage, type StorageOptions } from "../storage/open.ts";
import type { Storage } from "../storage/storage.ts";
import { openRegistry, type RegistryOptions } from "./open.ts";

export const pods: ResourceId = { group: "", version: "v1", resource: "pods" };
export const configMaps: ResourceId = { group: "", version: "v1", resource: "configmaps" };
export const namespaces: ResourceId = { group: "", version: "v1", resource: "namespaces" };
export const deployments: ResourceId = { group: "apps", version: "v1", resource: "deployments" };
export const widgets: ResourceId = { group: "example.com", version: "v1", resource: "widgets" };

const text = { type: "string" } as const;
const number = { type: "integer", format: "int32" } as const;

/** As a CustomResourceDefinition makes one: with status, scale and two served versions. */
function widget(version: string): Resource {
  return {
    group: "example.com",
    version,
    storageVersion: "v1",
    plural: "widgets",
    singular: "widget",
    kind: "Widget",
    listKind: "WidgetList",
    shortNames: [],
    categories: [],
    namespaced: true,
    verbs: ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"],
    schema: {
      type: "object",
      required: ["spec"],
      properties: {
        apiVersion: text,
        kind: text,
        metadata: objectMeta,
        spec: {
          type: "object",
          properties: { size: { ...number, default: 3, maximum: 9 }, colour: text },
        },
        status: { type: "object", properties: { size: number, selector: text } },
      },
    },
    definitions: () => undefined,
    status: true,
    scale: { spec: ".spec.size", status: ".status.size", selector: ".status.selector" },
    subresources: [],
    strategy: {},
    table: { columns: [], cells: () => [] },
    hasGeneration: true,
    strategicMerge: false,
    definition: "com.example.v1.Widget",
  };
}

const served = [...builtInResources(), widget("v1"), widget("v2")];
export const resources: Resources = {
  all: () => served,
  find: (group, version, plural) =>
    served.find((each) => each.group === group && each.version === version && each.plural === plural),
  byKind: (group, kind) => served.find((each) => each.group === group && each.kind === kind),
  generation: 1,
};

export function resourceOf({ group, version, resource }: ResourceId): Resource {
  const found = resources.find(group, version, resource);
  if (!found) throw new Error(`${resource} is not served`);
  return found;
}

export interface Example extends AsyncDisposable {
  readonly storage: Storage;
  readonly registry: Registry;
  readonly client: KubeClient;
  /** What the server warned of. */
  readonly warnings: string[];
  readonly context: RequestContext;
}

export async function openExample(
  options: Pick<RegistryOptions, "now" | "subresources" | "bookmarkEvery"> &
    Pick<StorageOptions, "history"> = {},
): Promise<Example> {
  await using opening = new AsyncDisposableStack();
  const folder = mkdtempSync(join(memory(), "sampan-registry-"));
  opening.defer(() => rmSync(folder, { recursive: true, force: true }));
  const { history, ...rest } = options;
  const storage = opening.use(openStorage({ folder, ...(history ? { history } : {}) }));
  const registry = openRegistry({ storage, resources, ...rest });
  const client = registry.client(loopback);
  for (const name of ["default", "other"])
    await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  const account: KubeObject = {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "default", namespace: "default" },
  };
  await client.create({ group: "", version: "v1", resource: "serviceaccounts" }, account);
  const warnings: string[] = [];
  const context: RequestContext = {
    user: loopback,
    userAgent: "kubectl/v1.32.0",
    warn: (words) => void warnings.push(words),
  };
  const closing = opening.move();
  return {
    storage,
    registry,
    client,
    warnings,
    context,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

/** Most tests here open a database of their own, and none is about the disk. */
function memory(): string {
  try {
    accessSync("/dev/shm", constants.W_OK);
    return "/dev/shm";
  } catch {
    return tmpdir();
  }
}

export function configMap(name: string, data: Record<string, string> = {}, more: object = {}): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default", ...more }, data };
}

export function pod(name: string, more: object = {}, spec: object = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", ...more },
    spec: { containers: [{ name: "main", image: "busybox" }], ...spec },
  };
}

export function deployment(name: string, spec: object = {}): KubeObject {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "default" },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "main", image: "busybox" }] } },
      ...spec,
    },
  };
}

export function widgetObject(name: string, spec: object = {}, more: object = {}): KubeObject {
  return {
    apiVersion: "example.com/v1",
    kind: "Widget",
    metadata: { name, namespace: "default", ...more },
    spec,
  };
}

export const at = (name: string, subresource?: string) => ({
  name,
  namespace: "default",
  ...(subresource === undefined ? {} : { subresource }),
});

export const merge: { readonly type: PatchType } = { type: "application/merge-patch+json" };
