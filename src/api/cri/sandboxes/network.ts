/** Which network a pod's sandbox is put into. */
import type { CriContext } from "../cri.ts";

export type PodNetwork =
  | { readonly ready: true; readonly name: string }
  /** Pods with the host's network can be made all the same. */
  | { readonly ready: false; readonly name: string; readonly reason: string; readonly why: string };

const notReady = "NetworkPluginNotReady";

/** CNI's, where the host's administrator has configured it, a broken one too; else our own bridge, where there is one. */
export async function podNetwork(
  { engine }: Pick<CriContext, "engine">,
  signal?: AbortSignal,
): Promise<PodNetwork> {
  const { cni } = engine.networks;
  const { bridge, cni: settings } = engine.settings.network;
  if (cni.configured()) {
    const { ready, reason, message } = await cni.status(signal);
    return ready ? { ready, name: "cni" } : { ready, name: "cni", reason: reason || notReady, why: message };
  }
  if (bridge !== false) return { ready: true, name: "bridge" };
  const why = `there is no configuration of CNI in "${settings.configs}", and no bridge ([network] bridge = false)`;
  return { ready: false, name: "none", reason: notReady, why };
}
