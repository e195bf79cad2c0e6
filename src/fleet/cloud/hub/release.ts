/** Which release of KubeEdge, or what is as good as one, a node runs. */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { newest, type Traits, traitsOf, type Version, versionOfKubelet } from "../../link/versions.ts";

export interface Release {
  readonly version: Version;
  readonly traits: Traits;
}

/** A fleet has few of them; whoever makes up more does not fill the memory. */
const known = new Map<string, Release>();
const mostKnown = 1000;

/** As its Node says; the newest while it does not. */
export function releaseOf(node: KubeObject | undefined): Release {
  const status = node?.["status"] as
    { readonly nodeInfo?: { readonly kubeletVersion?: unknown } } | undefined;
  const kubelet = status?.nodeInfo?.kubeletVersion;
  return read(typeof kubelet === "string" ? kubelet : "");
}

function read(kubelet: string): Release {
  const found = known.get(kubelet);
  if (found) return found;
  const version = versionOfKubelet(kubelet) ?? newest;
  const release = { version, traits: traitsOf(version) };
  if (known.size >= mostKnown) known.clear();
  known.set(kubelet, release);
  return release;
}
