/** The controllers of a cluster, in this process, on nothing but a client of its API. */
import type { KubeClient } from "../../../../spec/kubernetes/kube.ts";
import type { Resources } from "../resource.ts";
import { accountsController } from "./accounts/controller.ts";
import { systemClock, type Clock } from "../../../../base/clock.ts";
import { runController, type Context, type ControllerFactory } from "./controller.ts";
import { deploymentController } from "./deployment/controller.ts";
import { daemonSetController } from "./daemonset/controller.ts";
import { openRecorder } from "./events.ts";
import { garbageCollector } from "./gc/controller.ts";
import { namespaceController } from "./gc/namespace.ts";
import { Informers } from "../../informer/informers.ts";
import { writeThrough } from "../../informer/write-through.ts";
import { jobController } from "./job/controller.ts";
import { nodeController } from "./nodes/controller.ts";
import { eventExpiry, podGc } from "./pod-gc.ts";
import { replicaSetController } from "./replicaset/controller.ts";
import { scheduler } from "./scheduler/controller.ts";
import { serviceController } from "./services/controller.ts";
import { volumeController } from "./volumes/controller.ts";
import { knownKinds, servedKinds } from "./served.ts";

export interface ControllersOptions {
  readonly client: KubeClient;
  /** Of `client`; its own without it. Whoever brings them ends them. */
  readonly informers?: Informers;
  readonly log: (text: string) => void;
  /** Milliseconds since 1970; of the clock, when that is given. */
  readonly now?: () => number;
  /** For tests that turn the time by hand. */
  readonly clock?: Clock;
  /** From 0 to 1, without 1. */
  readonly random?: () => number;
  /** What is served, for the garbage collector and the namespaces; without it the kinds that the controllers themselves know. */
  readonly resources?: Pick<Resources, "all" | "generation">;
  /** PEM of the certificate that the API's own is signed by: pods find it in their namespace's config map. */
  readonly rootCertificate?: string;
}

/** Runs until it is disposed of; then no more writes happen, and all watches have ended. */
export function startControllers(options: ControllersOptions): AsyncDisposable {
  const { log, random = Math.random } = options;
  const clock = options.clock ?? systemClock(options.now);
  const stop = new AbortController();
  const { signal } = stop;
  const informers = options.informers ?? new Informers({ client: options.client, clock, log, signal });
  const client = writeThrough(options.client, informers);
  const events = openRecorder({ client: options.client, clock, random, log, signal });
  const context: Context = { client, informers, events, clock, random, log };
  const running = factories(options).map((factory) => runController(context, factory, signal));
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(running);
      if (!options.informers) await informers.ended();
      await events.flush();
    },
  };
}

/** The garbage collector comes last: it takes the informers of the others, and metadata alone of what nobody else looks at. */
function factories({ resources, rootCertificate }: ControllersOptions): readonly ControllerFactory[] {
  const served = resources ? servedKinds(resources) : knownKinds();
  return [
    accountsController(rootCertificate),
    scheduler,
    deploymentController,
    replicaSetController,
    daemonSetController,
    jobController,
    nodeController,
    serviceController,
    volumeController,
    podGc(),
    eventExpiry,
    namespaceController(served),
    garbageCollector(served),
  ];
}
