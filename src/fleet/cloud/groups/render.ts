/**
 * What an EdgeApplication asks for, as objects. Pure. Of a Deployment there is a copy for each group, called `<name>-<group>`, that runs on nodes of the group; of everything else there is one.
 */
import { createHash } from "node:crypto";
import { invalid } from "../../../base/errors.ts";
import type { KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";
import { isRecord } from "../../link/json.ts";
import type { LabelSelector, Requirement } from "../apiserver/controllers/kinds.ts";
import { controllerReference } from "../apiserver/controllers/references.ts";
import {
  apiVersion,
  belongingTo,
  ofApplication,
  renderable,
  resourceOfKind,
  topology,
  type ApplicationSpec,
  type Overriders,
} from "./kinds.ts";
import { override, templateOf } from "./overriders.ts";

export interface Rendered {
  /** The place of its manifest. */
  readonly ordinal: number;
  readonly resource: ResourceId;
  readonly object: KubeObject;
}

const most = { manifests: 100, targets: 1000, objects: 5000 } as const;

interface Target {
  readonly suffix: string;
  readonly selector: LabelSelector;
  readonly overriders: Overriders;
}

export interface Rendering {
  readonly rendered: readonly Rendered[];
  /** Manifests that are refused, and why. */
  readonly faults: readonly string[];
}

/** Manifests that are wrong are left out, the others rendered. */
export function render(application: KubeObject): Rendering {
  const { workloadTemplate, workloadScope } = (application["spec"] ?? {}) as ApplicationSpec;
  const manifests = workloadTemplate?.manifests ?? [];
  const targets = targetsOf(workloadScope ?? {});
  const [rendered, faults]: [Rendered[], string[]] = [[], []];
  if (
    manifests.length > most.manifests ||
    targets.length > most.targets ||
    manifests.length * targets.length > most.objects
  )
    return {
      rendered,
      faults: [`it has ${manifests.length} manifests for ${targets.length} targets, which is too much`],
    };
  for (const [ordinal, manifest] of manifests.entries()) {
    try {
      rendered.push(...renderOne(application, { ordinal, manifest, targets }));
    } catch (error) {
      faults.push(`manifest ${ordinal}: ${(error as Error).message}`);
    }
  }
  const places = rendered.map(({ resource, object }) => `${resource.resource} ${object.metadata.name}`);
  const twice = places.find((place, index) => places.indexOf(place) !== index);
  return twice === undefined
    ? { rendered, faults }
    : { rendered: [], faults: [`two of its objects are ${twice}`] };
}

interface Manifest {
  readonly ordinal: number;
  readonly manifest: unknown;
  readonly targets: readonly Target[];
}

function renderOne(application: KubeObject, { ordinal, manifest, targets }: Manifest): Rendered[] {
  const { object, resource } = checked(application, manifest);
  if (object.kind !== "Deployment")
    return [{ ordinal, resource, object: finished(application, structuredClone(object)) }];
  return targets.map((target) => ({
    ordinal,
    resource,
    object: finished(application, copyFor(object, target)),
  }));
}

/** @throws SampanError invalid_argument */
function checked(
  application: KubeObject,
  manifest: unknown,
): { readonly object: KubeObject; readonly resource: ResourceId } {
  if (!isRecord(manifest) || !isRecord(manifest["metadata"])) throw invalid("it is no object");
  const object = manifest as unknown as KubeObject;
  const resource = resourceOfKind(object);
  if (!resource)
    throw invalid(
      `an application may not hold ${object.apiVersion} ${object.kind}, only ${Object.keys(renderable).join(", ")}`,
    );
  const { name, namespace, generateName } = object.metadata;
  if (typeof name !== "string" || name === "" || generateName !== undefined)
    throw invalid("it has no name of its own");
  if (namespace !== undefined && namespace !== "" && namespace !== application.metadata.namespace)
    throw invalid(
      `it is of namespace "${namespace}", its application of "${application.metadata.namespace ?? ""}"`,
    );
  return { object, resource };
}

/** Only what a person says of an object is taken over of its metadata. */
function finished(application: KubeObject, object: KubeObject): KubeObject {
  const { name = "", labels, annotations } = object.metadata;
  const owner = controllerReference({ ...application, apiVersion, kind: "EdgeApplication" });
  const isService = object.kind === "Service";
  const { status: _, ...rest } = object;
  return {
    ...rest,
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: {
      name,
      ...(application.metadata.namespace ? { namespace: application.metadata.namespace } : {}),
      labels: { ...labels, [ofApplication]: labelOf(application) },
      ...(annotations || isService
        ? { annotations: { ...annotations, ...(isService ? { [topology.key]: topology.value } : {}) } }
        : {}),
      ownerReferences: [owner],
    },
  };
}

/** A label's value has 63 characters, a name may have more. */
export function labelOf({ metadata: { name = "" } }: KubeObject): string {
  return name.length <= 63 ? name : `${name.slice(0, 50)}-${hashOf(name)}`;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

function targetsOf({
  targetNodeGroups = [],
  targetNodeLabels = [],
}: NonNullable<ApplicationSpec["workloadScope"]>): Target[] {
  const groups = targetNodeGroups.map(({ name, overriders = {} }) => ({
    suffix: name,
    selector: { matchLabels: { [belongingTo]: name } },
    overriders,
  }));
  const labels = targetNodeLabels.map(({ labelSelector = {}, overriders = {} }) => ({
    suffix: hashOf(JSON.stringify(labelSelector)),
    selector: labelSelector,
    overriders,
  }));
  return [...groups, ...labels];
}

function copyFor(manifest: KubeObject, { suffix, selector, overriders }: Target): KubeObject {
  const copy = structuredClone(manifest);
  copy.metadata.name = `${manifest.metadata.name}-${suffix}`;
  override(copy, overriders);
  const spec = templateOf(copy)?.spec as Record<string, unknown> | undefined;
  if (!spec) throw invalid("its pod template has no spec");
  spec["nodeSelector"] = {
    ...(isRecord(spec["nodeSelector"]) ? spec["nodeSelector"] : {}),
    ...selector.matchLabels,
  };
  if (selector.matchExpressions?.length) addAffinity(spec, selector.matchExpressions);
  return copy;
}

/** Terms are alternatives: each of them has to hold the requirements too. */
function addAffinity(spec: Record<string, unknown>, requirements: readonly Requirement[]): void {
  const affinity = recordIn(spec, "affinity");
  const required = recordIn(
    recordIn(affinity, "nodeAffinity"),
    "requiredDuringSchedulingIgnoredDuringExecution",
  );
  const terms = Array.isArray(required["nodeSelectorTerms"])
    ? required["nodeSelectorTerms"].filter(isRecord)
    : [];
  required["nodeSelectorTerms"] = (terms.length > 0 ? terms : [{}]).map((term: Record<string, unknown>) => {
    const present: unknown = term["matchExpressions"];
    return {
      ...term,
      matchExpressions: [...(Array.isArray(present) ? (present as unknown[]) : []), ...requirements],
    };
  });
}

function recordIn(place: Record<string, unknown>, field: string): Record<string, unknown> {
  const present = place[field];
  const record = isRecord(present) ? present : {};
  place[field] = record;
  return record;
}
