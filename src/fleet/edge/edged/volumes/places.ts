/** Where a pod's things lie below the edge's folder. Names are checked here, before any becomes a part of a path. */
import { join } from "node:path";
import { invalid } from "../../../../base/errors.ts";
import type { Pod } from "../../../../spec/kubernetes/pod.ts";
import { shown } from "../pod-error.ts";
import { podUid } from "../qos.ts";

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Errors: `invalid_argument` for what is no label of DNS, as the API has names of volumes and containers. */
export function checkedLabel(kind: string, name: string): string {
  if (label.test(name)) return name;
  throw invalid(`cannot use ${kind} ${shown(name)}: wanted at most 63 of a-z, 0-9 and -`);
}

export const podsFolder = (root: string): string => join(root, "pods");

export function podFolder(root: string, pod: Pick<Pod, "metadata">): string {
  return join(podsFolder(root), podUid(pod));
}

/** By uid alone, of one whose pod is forgotten. */
export function folderOfUid(root: string, uid: string): string {
  return podFolder(root, { metadata: { uid } });
}

export const volumesFolder = (folder: string): string => join(folder, "volumes");
export const subPathsFolder = (folder: string): string => join(folder, "subpaths");
