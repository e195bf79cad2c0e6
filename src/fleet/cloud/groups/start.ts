/** The controllers of NodeGroups and EdgeApplications. */
import type { CloudContext } from "../part.ts";
import { known } from "../status/known.ts";
import { applicationQueue } from "./applications.ts";
import { applications, deployments, nodeGroups, nodes } from "./kinds.ts";
import { nodeGroupQueue } from "./nodegroups.ts";

/** Resolves when it knows all groups and applications. Ends when it is disposed of or its signal aborts. */
export async function startGroups(context: CloudContext): Promise<AsyncDisposable> {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  await known(context, [nodeGroups, applications, nodes, deployments]);
  const running = [nodeGroupQueue(context, signal).run(), applicationQueue(context, signal).run(4)];
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(running);
    },
  };
}
