/** Which network a pod's sandbox is put into, and whether it is ready. */
import type { CniStatus } from "../../../engine/networks/cni/cni.ts";
import type { CriContext } from "../cri.ts";

type Parts = Pick<CriContext, "engine">;

/** CNI's, where the host's administrator has configured it, a broken one too; else our own bridge; `none` where there is neither. */
export function podNetwork({ engine }: Parts): "cni" | "bridge" | "none" {
  if (engine.networks.cni.configured()) return "cni";
  return engine.settings.network.bridge === false ? "none" : "bridge";
}

/** The plug-ins themselves are asked, so not for every pod: one that cannot be put into its network says why. */
export async function networkStatus({ engine }: Parts, signal: AbortSignal): Promise<CniStatus> {
  const network = podNetwork({ engine });
  if (network === "cni") return await engine.networks.cni.status(signal);
  if (network === "bridge") return { ready: true, reason: "", message: "" };
  return { ready: false, reason: "NetworkPluginNotReady", message: noNetwork({ engine }) };
}

export function noNetwork({ engine }: Parts): string {
  const { configs } = engine.settings.network.cni;
  return `there is no configuration of CNI in "${configs}", and no bridge ([network.bridge] enabled = false)`;
}
