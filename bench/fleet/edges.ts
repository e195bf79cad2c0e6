/**
 * Some hundreds of simulated edges in one process, with the real protocol: each joins, connects by mutual TLS, makes its Node and lease, says that its pods run, acknowledges what it gets and comes back after
 * an end with back-off and jitter. It is told by lines of JSON on its input and tells what it saw on its output.
 *
 *     bun bench/fleet/edges.ts HOST HUB-PORT JOIN-PORT TOKEN FIRST COUNT
 */
import { message, type Envelope } from "../../src/fleet/link/envelope.ts";
import { connectEdge, type FakeEdge, type Identity, joinEdge } from "../../test/fleet/hub/fake-edge.ts";

const [host = "", hubPort = "", joinPort = "", token = "", first = "", count = ""] = process.argv.slice(2);
const renewal = 10_000;
const joinedAtOnce = 8;
const firstPause = 500;
const longestPause = 30_000;

const tell = (said: object) => process.stdout.write(`${JSON.stringify(said)}\n`);
const counts = { joined: 0, refused: 0, dials: 0, connected: 0, pods: 0, messages: 0 };

interface KubeObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly annotations?: Record<string, string>;
  };
}

class SimulatedEdge {
  readonly node: string;
  private identity: Identity | undefined;
  private edge: FakeEdge | undefined;
  private lease: object | undefined;
  private readonly pods = new Set<string>();

  constructor(node: string) {
    this.node = node;
  }

  async join(): Promise<void> {
    while (!this.identity)
      try {
        this.identity = await joinEdge({ host, joinPort: Number(joinPort), token, node: this.node });
      } catch {
        counts.refused++;
        await Bun.sleep(longestPause * 0.1 * Math.random());
      }
    counts.joined++;
  }

  async live(): Promise<void> {
    for (let failures = 0; ;) {
      try {
        const edge = await this.connect();
        failures = 0;
        await edge.closed;
        counts.connected--;
      } catch {
        failures++;
      }
      const longest = Math.min(firstPause * 2 ** failures, longestPause);
      await Bun.sleep(longest * (0.2 + 0.8 * Math.random()));
    }
  }

  renew(): void {
    this.edge?.keepalive();
    if (!this.lease) return;
    const renewTime = new Date().toISOString().replace("Z", "000Z");
    const spec = { holderIdentity: this.node, leaseDurationSeconds: 40, renewTime };
    this.say("update", `kube-node-lease/lease/${this.node}`, { ...this.lease, spec });
  }

  private async connect(): Promise<FakeEdge> {
    const identity = this.identity as Identity;
    counts.dials++;
    const edge = await connectEdge({
      host,
      port: Number(hubPort),
      node: this.node,
      identity,
      onMessage: (given) => this.take(given),
    });
    this.edge = edge;
    counts.connected++;
    this.say("insert", `default/node/${this.node}`, nodeOf(this.node));
    return edge;
  }

  private say(operation: string, resource: string, content: unknown): void {
    this.edge?.send(message({ source: "edged", group: "meta", operation, resource }, content));
  }

  private take(given: Envelope): void {
    counts.messages++;
    const [namespace = "", type, name = ""] = given.route.resource.split("/");
    if (given.parent !== undefined) return this.answered(given, type);
    if (type !== "pod") return;
    const pod = given.content as KubeObject;
    if (given.route.operation === "delete") return void this.pods.delete(pod.metadata.uid);
    const sent = Number(pod.metadata.annotations?.["bench/sent"] ?? 0);
    if (this.pods.has(pod.metadata.uid)) return;
    this.pods.add(pod.metadata.uid);
    counts.pods++;
    if (sent > 0) tell({ delivered: Date.now() - sent });
    const status = {
      phase: "Running",
      conditions: [{ type: "Ready", status: "True" }],
      startTime: new Date().toISOString(),
    };
    this.say(
      "patch",
      `${namespace}/podpatch/${name}`,
      JSON.stringify({ metadata: { uid: pod.metadata.uid }, status }),
    );
  }

  private answered({ content }: Envelope, type: string | undefined): void {
    const answer = content as { Object?: object | null } | null;
    if (type === "node") {
      const conditions = [{ type: "Ready", status: "True", reason: "EdgeReady", message: "simulated" }];
      this.say("patch", `default/nodepatch/${this.node}`, JSON.stringify({ status: { conditions } }));
      const spec = { holderIdentity: this.node, leaseDurationSeconds: 40 };
      const metadata = { name: this.node, namespace: "kube-node-lease" };
      if (!this.lease) this.say("insert", `kube-node-lease/lease/${this.node}`, { metadata, spec });
    }
    if (type === "lease") {
      if (answer?.Object) this.lease = answer.Object;
      else if (!this.lease) this.say("query", `kube-node-lease/lease/${this.node}`, null);
    }
  }
}

function nodeOf(name: string) {
  return {
    metadata: { name, labels: { "kubernetes.io/hostname": name, "node-role.kubernetes.io/edge": "" } },
    spec: {},
    status: {
      capacity: { cpu: "2", memory: "4Gi", pods: "110" },
      allocatable: { cpu: "2", memory: "4Gi", pods: "110" },
      addresses: [{ type: "Hostname", address: name }],
      nodeInfo: {
        kubeletVersion: "v1.32.0-kubeedge-v1.23.0",
        architecture: "amd64",
        operatingSystem: "linux",
      },
    },
  };
}

const edges = Array.from(
  { length: Number(count) },
  (_, index) => new SimulatedEdge(`edge-${Number(first) + index}`),
);
let next = 0;
const joiner = async () => {
  for (let edge = edges[next++]; edge; edge = edges[next++]) {
    await edge.join();
    void edge.live();
  }
};
setInterval(() => tell({ counts }), 500);
// One after the other over the whole time: a fleet does not beat as one heart.
let turn = 0;
setInterval(() => {
  for (const until = turn + edges.length / (renewal / 100); turn < until; turn++)
    edges[Math.floor(turn) % edges.length]?.renew();
}, 100);
await Promise.all(Array.from({ length: joinedAtOnce }, joiner));
