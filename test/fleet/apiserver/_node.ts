/** A node that says of every pod bound to it that it runs: what kubectl waits for. */
import type { KubeClient, KubeObject } from "../../../src/spec/kubernetes/kube.ts";

const pods = { group: "", version: "v1", resource: "pods" };
const time = () => new Date().toISOString().replace(/\.\d+Z$/, "Z");

/** Resolves when the node is there; its pods run until it is disposed of. */
export async function startNode(client: KubeClient, name: string): Promise<AsyncDisposable> {
  const stop = new AbortController();
  await client.create(
    { group: "", version: "v1", resource: "nodes" },
    { apiVersion: "v1", kind: "Node", metadata: { name, labels: { "kubernetes.io/hostname": name } } },
  );
  await client.patch(
    { group: "", version: "v1", resource: "nodes" },
    { name, subresource: "status" },
    nodeStatus(),
    {
      type: "application/merge-patch+json",
    },
  );
  await client.create(
    { group: "coordination.k8s.io", version: "v1", resource: "leases" },
    {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name, namespace: "kube-node-lease" },
      spec: {
        holderIdentity: name,
        leaseDurationSeconds: 40,
        renewTime: new Date().toISOString().replace("Z", "000Z"),
      },
    },
  );
  const running = run(client, name, stop.signal);
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}

function nodeStatus() {
  const resources = { cpu: "8", memory: "16Gi", pods: "110" };
  const now = time();
  return {
    status: {
      capacity: resources,
      allocatable: resources,
      conditions: [
        { type: "Ready", status: "True", reason: "Ready", lastHeartbeatTime: now, lastTransitionTime: now },
      ],
      nodeInfo: {
        kubeletVersion: "v1.33.0",
        osImage: "test",
        kernelVersion: "6",
        containerRuntimeVersion: "sampan://0",
        architecture: "amd64",
        operatingSystem: "linux",
        bootID: "b",
        machineID: "m",
        systemUUID: "s",
        kubeProxyVersion: "",
      },
      addresses: [{ type: "InternalIP", address: "10.0.0.9" }],
    },
  };
}

async function run(client: KubeClient, node: string, signal: AbortSignal): Promise<void> {
  const { resourceVersion } = await client.list(pods, { signal });
  try {
    for await (const { type, object } of client.watch(pods, { resourceVersion, signal }))
      if (type === "ADDED" || type === "MODIFIED") await attend(client, node, object);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function attend(client: KubeClient, node: string, pod: KubeObject): Promise<void> {
  const { name = "", namespace = "" } = pod.metadata;
  const spec = pod["spec"] as { nodeName?: string; containers: { name: string; image: string }[] };
  if (spec.nodeName !== node) return;
  const ignore = () => undefined;
  if (pod.metadata.deletionTimestamp !== undefined)
    return void (await client.delete(pods, { name, namespace }, { gracePeriodSeconds: 0 }).catch(ignore));
  if ((pod["status"] as { phase?: string }).phase === "Running") return;
  const patch = { status: runningStatus(spec.containers) };
  await client
    .patch(pods, { name, namespace, subresource: "status" }, patch, { type: "application/merge-patch+json" })
    .catch(ignore);
}

function runningStatus(containers: readonly { name: string; image: string }[]) {
  const now = time();
  return {
    phase: "Running",
    podIP: "10.1.0.1",
    podIPs: [{ ip: "10.1.0.1" }],
    hostIP: "10.0.0.9",
    startTime: now,
    conditions: ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map((type) => ({
      type,
      status: "True",
      lastTransitionTime: now,
    })),
    containerStatuses: containers.map(({ name, image }) => ({
      name,
      image,
      imageID: image,
      containerID: `sampan://${name}`,
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: now } },
    })),
  };
}
