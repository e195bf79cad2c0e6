import { KubeError } from "../../../../spec/kubernetes/kube.ts";

/** In the words by which clients know that they must list anew. */
export function expired(wanted: number, oldest: number): KubeError {
  return new KubeError("Expired", `too old resource version: ${wanted} (${oldest})`);
}
