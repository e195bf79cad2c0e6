/** What a pod's fields mean on this node, put together for the workers. */
import { runHook } from "./hooks.ts";
import { ensureImage, pullSecrets } from "./images.ts";
import type { EdgedParts, Means } from "./parts.ts";
import { runInEngine } from "./probes/engine-run.ts";
import { openProbes } from "./probes/open.ts";
import type { NodeFacts } from "./translate.ts";
import { openVolumes } from "./volumes/open.ts";

/** `root`: Edged's folder of the edge's data; volumes lie below `pods` in it. */
export function openMeans(
  { engine, meta, clock, log }: Pick<EdgedParts, "engine" | "meta" | "clock" | "log">,
  { root, facts }: { readonly root: string; readonly facts: NodeFacts },
): Means {
  const run = runInEngine(engine);
  const parts = { run, node: facts, clock };
  return {
    volumes: openVolumes({ root, meta, engine, node: facts, clock, log }),
    probes: openProbes({ ...parts, log }),
    image: async (pod, container, signal) => {
      const warn = (text: string) =>
        log(`pod "${pod.metadata.namespace ?? "default"}/${pod.metadata.name ?? ""}": ${text}`);
      const secrets = await pullSecrets(pod, { meta, signal, warn });
      return await ensureImage(engine, { container, secrets, signal, warn });
    },
    hook: async (action, { podIp, ...target }, signal) => {
      // Its kind is that of the field where it stands.
      const kind = target.container.lifecycle?.preStop === action ? "preStop" : "postStart";
      await runHook(action, { ...target, ...parts, kind, podIp: () => podIp }, signal);
    },
  };
}
