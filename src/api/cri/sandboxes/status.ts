/** Pod sandboxes as the CRI shows them. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { toJson } from "@bufbuild/protobuf";
import {
  NamespaceMode,
  PodSandboxConfigSchema,
  type PodSandboxFilter,
  PodSandboxState,
  type PodSandboxSchema,
  type PodSandboxStatusSchema,
} from "../../../wire/cri/cri_pb.ts";
import type { KnownSandbox } from "../known.ts";
import { hasLabels } from "../pieces.ts";
import { nanoseconds } from "../time.ts";

type Item = MessageInitShape<typeof PodSandboxSchema>;
type Status = MessageInitShape<typeof PodSandboxStatusSchema>;

function stateOf({ info }: KnownSandbox): PodSandboxState {
  return info.state === "ready" ? PodSandboxState.SANDBOX_READY : PodSandboxState.SANDBOX_NOTREADY;
}

/** What stands in lists and in its status. */
function base(known: KnownSandbox) {
  const { info, config } = known;
  return {
    id: info.id,
    ...(config.metadata && { metadata: config.metadata }),
    state: stateOf(known),
    createdAt: nanoseconds(info.created),
    labels: config.labels,
    annotations: config.annotations,
    runtimeHandler: info.request.runtime ?? "",
  };
}

export function sandboxItem(known: KnownSandbox): Item {
  return base(known);
}

export function sandboxStatus(known: KnownSandbox): Status {
  const { config, info } = known;
  const options = config.linux?.securityContext?.namespaceOptions;
  const [ip = "", ...others] = info.ips;
  return {
    ...base(known),
    network: { ip, additionalIps: others.map((each) => ({ ip: each })) },
    linux: {
      namespaces: {
        options: options ?? {
          network: NamespaceMode.POD,
          pid: NamespaceMode.POD,
          ipc: NamespaceMode.POD,
        },
      },
    },
  };
}

/** For people and their scripts, as JSON. */
export function sandboxInfo({ info, config }: KnownSandbox): Record<string, string> {
  const { request, sandbox } = info;
  const { network, cgroupParent, runtime } = request;
  const shown = {
    runtimeHandler: runtime ?? "",
    network,
    networkNamespace: sandbox?.path,
    addresses: info.ips,
    cgroupParent,
    config: toJson(PodSandboxConfigSchema, config),
  };
  return { info: JSON.stringify(shown) };
}

export function isWanted(known: KnownSandbox, filter: PodSandboxFilter | undefined): boolean {
  if (!filter) return true;
  return (
    known.info.id.startsWith(filter.id) &&
    (!filter.state || filter.state.state === stateOf(known)) &&
    hasLabels(known.config.labels, filter.labelSelector)
  );
}
