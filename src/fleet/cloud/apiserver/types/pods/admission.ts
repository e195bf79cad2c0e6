/** What is given to each pod when it is created: its service account with a token, its priority, its runtime class's overhead, how long it stays on a node that is lost. */
import { randomBytes } from "node:crypto";
import { KubeError, type KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { StrategyContext } from "../../resource.ts";
import { at, entries, entryOf, give, made, number, text, type Fields } from "../fields/read.ts";
import { rememberedIn } from "../fields/remembered.ts";
import { globalDefault } from "./default-class.ts";
import { qosClass } from "./defaults.ts";

/** The kubelet shows pods of its own files with this annotation; they have no account. */
const mirror = "kubernetes.io/config.mirror";
const tokenFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/** In place. Throws `Forbidden` when something that the pod names is not there. */
export function admitPod(pod: KubeObject, context: StrategyContext): void {
  const spec = made(pod, "spec");
  if (!(mirror in at(pod.metadata.annotations))) giveAccount(pod, spec, context);
  giveRuntime(pod, spec, context);
  givePriority(pod, spec, context);
  giveTolerations(spec);
  pod.status = { phase: "Pending", ...gated(spec, context.now), qosClass: qosClass(spec) };
}

export function refusedPod(pod: KubeObject, why: string): KubeError {
  const name = pod.metadata.name ?? "";
  return new KubeError("Forbidden", `pods "${name}" is forbidden: ${why}`, { name, kind: "pods" });
}

function giveAccount(pod: KubeObject, spec: Fields, context: StrategyContext): void {
  const namespace = pod.metadata.namespace ?? "";
  const name = text(spec.serviceAccountName) || "default";
  const account = context.find("serviceaccounts", namespace, name);
  if (!account) {
    throw refusedPod(
      pod,
      `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`,
    );
  }
  Object.assign(spec, { serviceAccountName: name, serviceAccount: name });
  if (entries(spec.imagePullSecrets).length === 0 && entries(account.imagePullSecrets).length > 0) {
    spec.imagePullSecrets = structuredClone(account.imagePullSecrets);
  }
  if ((spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) === true) {
    mountToken(spec);
  }
}

/** A volume with a token, the server's CA and the namespace, in each container that mounts nothing there itself. */
function mountToken(spec: Fields): void {
  const containers = [...entries(spec.initContainers), ...entries(spec.containers)];
  const without = containers.filter(
    ({ volumeMounts }) => !entries(volumeMounts).some(({ mountPath }) => mountPath === tokenFolder),
  );
  if (without.length === 0) return;
  const name = `kube-api-access-${suffix()}`;
  for (const container of without) {
    const mounts = Array.isArray(container.volumeMounts) ? container.volumeMounts : [];
    container.volumeMounts = [...mounts, { name, readOnly: true, mountPath: tokenFolder }];
  }
  spec.volumes = [...(Array.isArray(spec.volumes) ? spec.volumes : []), { name, projected: tokenSources() }];
}

function tokenSources(): object {
  const fieldRef = { apiVersion: "v1", fieldPath: "metadata.namespace" };
  return {
    defaultMode: 420,
    sources: [
      // The odd seconds are how the reference implementation knows its own tokens; kubelets renew at four fifths.
      { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
      { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
      { downwardAPI: { items: [{ path: "namespace", fieldRef }] } },
    ],
  };
}

/** Five letters and digits that make no words. */
function suffix(): string {
  const letters = "bcdfghjklmnpqrstvwxz2456789";
  return [...randomBytes(5)].map((byte) => letters[byte % letters.length]).join("");
}

function giveRuntime(pod: KubeObject, spec: Fields, context: StrategyContext): void {
  const name = text(spec.runtimeClassName);
  if (name === "") return;
  const runtime = context.find("node.k8s.io/runtimeclasses", "", name);
  if (!runtime) throw refusedPod(pod, `pod rejected: RuntimeClass "${name}" not found`);
  const { podFixed } = at(runtime, "overhead");
  if (podFixed !== undefined) spec.overhead = structuredClone(podFixed);
  const { nodeSelector, tolerations } = at(runtime, "scheduling");
  for (const [label, value] of Object.entries(at(nodeSelector))) {
    const wanted = made(spec, "nodeSelector");
    if ((wanted[label] ?? value) !== value) {
      throw refusedPod(pod, `conflict: runtimeClass.scheduling.nodeSelector[${label}] = ${text(value)}`);
    }
    wanted[label] = value;
  }
  if (entries(tolerations).length > 0) {
    spec.tolerations = [...entries(spec.tolerations), ...structuredClone(entries(tolerations))];
  }
}

/** Classes that every cluster has. */
const systemClasses: Readonly<Record<string, number>> = {
  "system-cluster-critical": 2_000_000_000,
  "system-node-critical": 2_000_001_000,
};

function givePriority(pod: KubeObject, spec: Fields, context: StrategyContext): void {
  const named = text(spec.priorityClassName);
  const chosen =
    named === ""
      ? rememberedIn(context, globalDefault)
      : context.find("scheduling.k8s.io/priorityclasses", "", named);
  const system = entryOf(systemClasses, named);
  if (named !== "" && !chosen && system === undefined) {
    throw refusedPod(pod, `no PriorityClass with name ${named} was found`);
  }
  const priority = number(chosen?.value, system);
  if (spec.priority !== undefined && spec.priority !== priority) {
    throw refusedPod(
      pod,
      `the integer value of priority (${number(spec.priority)}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`,
    );
  }
  if (named === "" && chosen) spec.priorityClassName = chosen.metadata.name;
  spec.priority = priority;
  give(spec, "preemptionPolicy", text(chosen?.preemptionPolicy) || "PreemptLowerPriority");
}

/** Five minutes on a node that is not ready or cannot be reached, unless the pod says something about it. */
function giveTolerations(spec: Fields): void {
  const own = entries(spec.tolerations);
  const missing = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].filter(
    (key) =>
      !own.some(
        (toleration) =>
          (text(toleration.key) === key || text(toleration.key) === "") &&
          ["NoExecute", ""].includes(text(toleration.effect)),
      ),
  );
  if (missing.length === 0) return;
  const given = missing.map((key) => ({
    key,
    operator: "Exists",
    effect: "NoExecute",
    tolerationSeconds: 300,
  }));
  spec.tolerations = [...own, ...given];
}

function gated(spec: Fields, now: string): Fields {
  if (entries(spec.schedulingGates).length === 0) return {};
  const condition = {
    type: "PodScheduled",
    status: "False",
    reason: "SchedulingGated",
    message: "Scheduling is blocked due to non-empty scheduling gates",
    lastTransitionTime: now,
  };
  return { conditions: [condition] };
}
