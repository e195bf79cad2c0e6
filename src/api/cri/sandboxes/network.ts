/** Which network a pod's sandbox is put into. */
import type { CriContext } from "../cri.ts";

export type PodNetwork =
  | { readonly ready: true; readonly name: string }
  /** Pods with the host's network can be made all the same. */
  | { readonly ready: false; readonly name: "none"; readonly why: string };

/** Our own bridge, where there is one. */
export async function podNetwork({ engine }: Pick<CriContext, "engine">): Promise<PodNetwork> {
  const { bridge } = engine.settings.network;
  if (bridge !== false) return await Promise.resolve({ ready: true, name: "bridge" });
  return { ready: false, name: "none", why: "there is no bridge ([network] bridge = false)" };
}
