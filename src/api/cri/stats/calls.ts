/** RuntimeService's statistics and metrics of containers and sandboxes, single, listed and streamed. */
import type { CriContext, RuntimeCalls } from "../cri.ts";
import { containerOf, sandboxOf } from "../known.ts";
import { pieces } from "../pieces.ts";
import { listContainers, oneContainer } from "./containers.ts";
import { descriptors, listMetrics } from "./metrics.ts";
import { statsParts } from "./parts.ts";
import { listSandboxes, oneSandbox } from "./sandboxes.ts";

export type StatsCalls = Pick<
  RuntimeCalls,
  | "containerStats"
  | "listContainerStats"
  | "streamContainerStats"
  | "podSandboxStats"
  | "listPodSandboxStats"
  | "streamPodSandboxStats"
  | "listMetricDescriptors"
  | "listPodSandboxMetrics"
  | "streamPodSandboxMetrics"
>;

export function statsCalls(context: CriContext): StatsCalls {
  const parts = statsParts(context);
  return {
    containerStats: async ({ containerId }) => ({
      stats: await oneContainer(parts, containerOf(parts, containerId)),
    }),
    listContainerStats: async ({ filter }) => ({ stats: await listContainers(parts, filter) }),
    async *streamContainerStats({ filter }) {
      for (const piece of pieces(await listContainers(parts, filter))) yield { containerStats: piece };
    },
    podSandboxStats: async ({ podSandboxId }) => ({
      stats: await oneSandbox(parts, sandboxOf(parts, podSandboxId)),
    }),
    listPodSandboxStats: async ({ filter }) => ({ stats: await listSandboxes(parts, filter) }),
    async *streamPodSandboxStats({ filter }) {
      for (const piece of pieces(await listSandboxes(parts, filter))) yield { podSandboxStats: piece };
    },
    listMetricDescriptors: () => ({ descriptors: [...descriptors] }),
    listPodSandboxMetrics: async () => ({ podMetrics: await listMetrics(parts) }),
    async *streamPodSandboxMetrics() {
      for (const piece of pieces(await listMetrics(parts))) yield { podSandboxMetrics: piece };
    },
  };
}
