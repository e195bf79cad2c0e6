import {
  forAll,
  place,
  unlessGone,
  writeStatus,
  type Context,
  type Controller,
  type Enqueue,
  lookAtChanged,
} from "../controller.ts";
import { claims, writeClaims } from "../adopt.ts";
import { kinds, type Container, type Job, type Pod } from "../kinds.ts";
import { createPods, deletePod, isNamespaceGoing, podOf } from "../pods.ts";
import { controllerOf, splitKey } from "../references.ts";
import { planJob, type JobStep } from "./plan.ts";
import { indexAnnotation, isTracked, trackingFinalizer } from "./tracking.ts";

const component = "job-controller";

/** Runs jobs to their end. Jobs that another controller manages (spec.managedBy) are its own business. */
export function jobController(context: Context, enqueue: Enqueue): Controller {
  const { client, informers, clock, events } = context;
  const jobs = informers.of(kinds.jobs);
  const pods = informers.of(kinds.pods);
  lookAtChanged(jobs, enqueue);
  pods.onChange((now, before) => {
    for (const pod of [now, before]) {
      const owner = pod && controllerOf(pod);
      if (owner?.kind === "Job") enqueue(`${pod?.metadata.namespace ?? ""}/${owner.name}`);
    }
  });

  async function release(pod: Pod, signal: AbortSignal): Promise<void> {
    const { uid, resourceVersion, finalizers = [] } = pod.metadata;
    const left = finalizers.filter((one) => one !== trackingFinalizer);
    const patch = { metadata: { uid, resourceVersion, finalizers: left } };
    const options = { type: "application/merge-patch+json", signal } as const;
    await unlessGone(client.patch(kinds.pods, place(pod), patch, options));
  }

  async function act(job: Job, step: JobStep, signal: AbortSignal): Promise<void> {
    switch (step.do) {
      case "status":
        await writeStatus(client, kinds.jobs, job, { status: step.status, signal });
        return;
      case "release":
        await forAll(step.pods, (pod) => release(pod, signal));
        return;
      case "delete pods":
        await forAll(step.pods, (pod) => deletePod(context, job, { pod, component, signal }));
        return;
      case "create pods": {
        const wanted = Array.from({ length: step.count }, (_, index) => jobPod(job, step.indexes?.[index]));
        await createPods(context, job, { pods: wanted, component, signal });
        return;
      }
      case "delete job": {
        const preconditions = { uid: job.metadata.uid ?? "" };
        const options = { preconditions, propagationPolicy: "Foreground", signal } as const;
        await unlessGone(client.delete(kinds.jobs, place(job), options));
        return;
      }
      case "say":
        events.record(job, { type: step.type, reason: step.reason, message: step.message, component });
        return;
      case "look again":
    }
  }

  /** Pods whose job is gone, though there may be another of its name by now, are held by nobody. */
  async function releaseOrphans(key: string, uid: string | undefined, signal: AbortSignal): Promise<void> {
    const { namespace, name } = splitKey(key);
    for (const pod of pods.store.inNamespace(namespace) as readonly Pod[]) {
      const owner = controllerOf(pod);
      if (owner?.kind !== "Job" || owner.name !== name || owner.uid === uid) continue;
      if (isTracked(pod)) await release(pod, signal);
    }
  }

  return {
    name: "job",
    informers: [jobs, pods],
    async reconcile(key, signal) {
      const { namespace, name } = splitKey(key);
      const job = jobs.store.get(namespace, name) as Job | undefined;
      await releaseOrphans(key, job?.metadata.uid, signal);
      if (!job) return undefined;
      const { managedBy = "kubernetes.io/job-controller", selector } = job.spec;
      if (managedBy !== "kubernetes.io/job-controller") return undefined;
      const claimed = claims(job, selector, pods.store.inNamespace(namespace) as readonly Pod[]);
      await writeClaims(client, kinds.pods, job, { ...claimed, signal });
      const steps = planJob({ job, pods: claimed.owned, now: clock.now() });
      try {
        for (const step of steps) await act(job, step, signal);
      } catch (error) {
        if (isNamespaceGoing(error)) return undefined;
        throw error;
      }
      const times = steps.map((step) => (step.do === "look again" ? step.after : Infinity));
      const soonest = Math.min(...times);
      return Number.isFinite(soonest) ? soonest : undefined;
    },
  };
}

/** A pod of a job; with an index it knows that by its name, labels, host name and environment. */
export function jobPod(job: Job, index?: number): Pod {
  const pod = podOf(job, job.spec.template);
  pod.metadata.finalizers = [...(pod.metadata.finalizers ?? []), trackingFinalizer];
  if (index === undefined) return pod;
  const text = String(index);
  const variable = { name: "JOB_COMPLETION_INDEX", value: text };
  const known = (container: Container): Container => ({
    ...container,
    env: [...(container.env ?? []), variable],
  });
  const name = job.metadata.name ?? "";
  pod.metadata.generateName = `${name}-${text}-`;
  pod.metadata.annotations = { ...pod.metadata.annotations, [indexAnnotation]: text };
  pod.metadata.labels = { ...pod.metadata.labels, [indexAnnotation]: text };
  const { initContainers } = pod.spec;
  pod.spec = {
    ...pod.spec,
    hostname: `${name}-${text}`.slice(0, 63),
    containers: pod.spec.containers.map(known),
    ...(initContainers ? { initContainers: initContainers.map(known) } : {}),
  };
  return pod;
}
