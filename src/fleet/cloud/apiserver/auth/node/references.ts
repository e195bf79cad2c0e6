/** What a pod refers to, so that its node has to read it: secrets, config maps, volume claims, its service account. As keys `secrets/NAME`. */
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";

type Fields = Readonly<Record<string, unknown>>;

export function referencesOf(pod: KubeObject): ReadonlySet<string> {
  const spec = fields(pod["spec"]);
  const found = new Set<string>();
  const add = (resource: string, name: unknown) => {
    if (typeof name === "string" && name !== "") found.add(`${resource}/${name}`);
  };
  add("serviceaccounts", spec["serviceAccountName"]);
  for (const secret of list(spec["imagePullSecrets"])) add("secrets", secret["name"]);
  for (const key of ["containers", "initContainers", "ephemeralContainers"])
    for (const container of list(spec[key])) addContainer(container, add);
  for (const volume of list(spec["volumes"])) addVolume(volume, pod.metadata.name ?? "", add);
  return found;
}

type Add = (resource: string, name: unknown) => void;

function addContainer(container: Fields, add: Add): void {
  for (const { configMapRef, secretRef } of list(container["envFrom"])) {
    add("configmaps", fields(configMapRef)["name"]);
    add("secrets", fields(secretRef)["name"]);
  }
  for (const { valueFrom } of list(container["env"])) {
    add("configmaps", fields(fields(valueFrom)["configMapKeyRef"])["name"]);
    add("secrets", fields(fields(valueFrom)["secretKeyRef"])["name"]);
  }
}

/** Kinds of volumes that log in to their storage by a secret. */
const withSecretRef = ["cephfs", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"] as const;

function addVolume(volume: Fields, pod: string, add: Add): void {
  add("secrets", fields(volume["secret"])["secretName"]);
  add("configmaps", fields(volume["configMap"])["name"]);
  add("persistentvolumeclaims", fields(volume["persistentVolumeClaim"])["claimName"]);
  add("secrets", fields(fields(volume["csi"])["nodePublishSecretRef"])["name"]);
  add("secrets", fields(volume["azureFile"])["secretName"]);
  // The claim of an ephemeral volume is called after both.
  if (volume["ephemeral"] !== undefined) add("persistentvolumeclaims", `${pod}-${String(volume["name"])}`);
  for (const kind of withSecretRef) add("secrets", fields(fields(volume[kind])["secretRef"])["name"]);
  for (const { secret, configMap } of list(fields(volume["projected"])["sources"])) {
    add("secrets", fields(secret)["name"]);
    add("configmaps", fields(configMap)["name"]);
  }
}

function fields(value: unknown): Fields {
  return value !== null && typeof value === "object" ? (value as Fields) : {};
}

function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fields) : [];
}
