/** What kubelet asks of the runtime as a whole: Version, Status, RuntimeConfig, UpdateRuntimeConfig. */
import { version } from "../../base/version.ts";
import { hostAbilities } from "../../engine/host-abilities.ts";
import { CgroupDriver } from "../../wire/cri/cri_pb.ts";
import type { CriContext, RuntimeCalls } from "./cri.ts";
import { networkStatus, podNetwork } from "./sandboxes/network.ts";

type Calls = Pick<RuntimeCalls, "version" | "status" | "runtimeConfig" | "updateRuntimeConfig">;

/** Of kubelet's side; every runtime answers it so. */
const kubeletApi = "0.1.0";

export function versionCalls(context: CriContext): Calls {
  return {
    version: () => ({
      version: kubeletApi,
      runtimeName: "sampan",
      runtimeVersion: version,
      runtimeApiVersion: "v1",
    }),
    status: async ({ verbose }, { signal }) => await statusOf(context, verbose, signal),
    runtimeConfig: () => ({ linux: { cgroupDriver: CgroupDriver.CGROUPFS } }),
    // The only thing in it is the range of pod addresses, which is for runtimes that write CNI's configuration themselves.
    updateRuntimeConfig: () => ({}),
  };
}

async function statusOf(context: CriContext, verbose: boolean, signal: AbortSignal) {
  const { ready, reason, message } = await networkStatus(context, signal);
  const { recursiveReadOnly, userNamespaces } = hostAbilities();
  const { runtimes, settings } = context.engine;
  const { root, state, snapshotter, defaultRuntime } = settings;
  // Of other people's programs nobody has looked what they can do.
  const handler = (name: string, own: boolean) => ({
    name,
    features: {
      recursiveReadOnlyMounts: own && recursiveReadOnly,
      userNamespaces: own && userNamespaces,
    },
  });
  const isOwn = (name: string) => !Object.hasOwn(settings.runtimes, name);
  return {
    status: {
      conditions: [
        { type: "RuntimeReady", status: true },
        { type: "NetworkReady", status: ready, reason, message },
      ],
    },
    runtimeHandlers: [
      handler("", isOwn(runtimes.default)),
      ...runtimes.names.map((name) => handler(name, isOwn(name))),
    ],
    features: { supplementalGroupsPolicy: true, userNamespacesHostNetwork: false },
    ...(verbose && {
      info: {
        config: JSON.stringify({ root, state, snapshotter, defaultRuntime, network: podNetwork(context) }),
      },
    }),
  };
}
