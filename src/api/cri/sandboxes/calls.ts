/** The calls of pod sandboxes. */
import { hostname } from "node:os";
import { invalid, SampanError } from "../../../base/errors.ts";
import { NamespaceMode, type PodSandboxFilter, type RunPodSandboxRequest } from "../../../wire/cri/cri_pb.ts";
import { containerStatus } from "../containers/status.ts";
import type { CriContext, RuntimeCalls } from "../cri.ts";
import type { SandboxTold } from "../events.ts";
import { makeLogFolder } from "../folders.ts";
import { containersIn, findSandbox, sandboxes, sandboxOf } from "../known.ts";
import { pieces } from "../pieces.ts";
import { nanoseconds } from "../time.ts";
import { isCgroup } from "./cgroup.ts";
import { noNetwork, podNetwork } from "./network.ts";
import { podResources, sandboxRequest } from "./request.ts";
import { isWanted, sandboxInfo, sandboxItem, sandboxStatus } from "./status.ts";

type Calls = Pick<
  RuntimeCalls,
  | "runPodSandbox"
  | "stopPodSandbox"
  | "removePodSandbox"
  | "podSandboxStatus"
  | "listPodSandbox"
  | "streamPodSandboxes"
  | "updatePodSandboxResources"
>;

/** `told` hears of what becomes of sandboxes. */
export function sandboxCalls(context: CriContext, told: SandboxTold): Calls {
  const { engine } = context;
  const list = (filter: PodSandboxFilter | undefined) =>
    sandboxes(context)
      .filter((known) => isWanted(known, filter))
      .map(sandboxItem);
  return {
    runPodSandbox: async (request, { signal }) => {
      const podSandboxId = await run(context, request, signal);
      told(podSandboxId, "created");
      told(podSandboxId, "started");
      return { podSandboxId };
    },
    stopPodSandbox: async ({ podSandboxId }) => {
      const known = findSandbox(context, podSandboxId);
      if (!known) return {};
      await engine.pods.stop(known.info.id);
      if (known.info.state === "ready") told(known.info.id, "stopped");
      return {};
    },
    removePodSandbox: async ({ podSandboxId }) => {
      const known = findSandbox(context, podSandboxId);
      if (!known) return {};
      await engine.pods.remove(known.info.id);
      if (known.info.state === "ready") told(known.info.id, "stopped");
      told(known.info.id, "deleted");
      return {};
    },
    podSandboxStatus: ({ podSandboxId, verbose }) => {
      const known = sandboxOf(context, podSandboxId);
      return {
        status: sandboxStatus(known),
        ...(verbose && { info: sandboxInfo(known) }),
        containersStatuses: containersIn(context, known.info.id).map((each) =>
          containerStatus(context, each),
        ),
        timestamp: nanoseconds(context.clock.now()),
      };
    },
    listPodSandbox: ({ filter }) => ({ items: list(filter) }),
    async *streamPodSandboxes({ filter }) {
      for (const podSandboxes of pieces(list(filter))) yield await Promise.resolve({ podSandboxes });
    },
    updatePodSandboxResources: async ({ podSandboxId, resources, overhead }) => {
      const { info } = sandboxOf(context, podSandboxId);
      await engine.pods.update(info.id, podResources(resources, overhead));
      return {};
    },
  };
}

async function run(
  context: CriContext,
  { config, runtimeHandler }: RunPodSandboxRequest,
  signal: AbortSignal,
): Promise<string> {
  if (!config) throw invalid("cannot make a pod sandbox: it has no configuration");
  const isHost = config.linux?.securityContext?.namespaceOptions?.network === NamespaceMode.NODE;
  const network = podNetwork(context);
  if (!isHost && network === "none")
    throw new SampanError("unavailable", `cannot make a pod sandbox: ${noNetwork(context)}`);
  const request = sandboxRequest({
    config,
    handler: runtimeHandler,
    network,
    node: hostname(),
    isCgroup,
  });
  if (config.logDirectory !== "") makeLogFolder(config.logDirectory);
  const { id } = await context.engine.pods.run(request, signal);
  return id;
}
