/** Makes the fleet's kinds known to a cluster. */
import { installCrds } from "../../fleet/cloud/crds/install.ts";
import { openRemoteClient } from "../../fleet/cloud/remote/open.ts";

/** A line for each kind with what was done. Errors: those of the kubeconfig and of the cluster. */
export async function installedDefinitions(kubeconfig: string): Promise<string> {
  using client = await openRemoteClient({ kubeconfig });
  const installed = await installCrds(client);
  return installed.map(({ name, done }) => `${name} ${done}\n`).join("");
}
