/** Logs, exec, attach and port-forward of the embedded API, through the tunnels. */
import { KubeError } from "../../../spec/kubernetes/kube.ts";
import type { PodStreams } from "../apiserver/streams.ts";
import { answerPlain } from "./plain.ts";
import { nodeOf, portsOf, streamsOf, targetOf } from "./targets.ts";
import type { Tunnels } from "./tunnels.ts";
import { proxyUpgrade } from "./upgrade.ts";

export function podStreams(tunnels: Tunnels): PodStreams {
  return {
    answer: async ({ kind, pod, query, signal }, response) => {
      if (kind !== "log") throw new KubeError("BadRequest", "this path wants an upgraded connection");
      const target = targetOf(kind, pod, query);
      const way = await tunnels.reach(nodeOf(pod), signal);
      await answerPlain(way, { type: "logs", target, signal }, response);
    },
    upgrade: async ({ kind, pod, query, signal }, incoming, socket, head) => {
      if (kind === "log") throw new KubeError("BadRequest", "logs are no upgraded connection");
      const wish = {
        kind,
        target: targetOf(kind, pod, query),
        streams: streamsOf(query),
        ports: portsOf(query),
        signal,
      };
      const request = { headers: incoming.headers, socket, head };
      await proxyUpgrade(await tunnels.reach(nodeOf(pod), signal), wish, request);
    },
  };
}
