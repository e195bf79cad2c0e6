/** The tunnels that end in this process, by node. The newest of a node wins. */
import { KubeError } from "../../../spec/kubernetes/kube.ts";
import type { Tunnel } from "./tunnel.ts";
import type { Way } from "./way.ts";

export class Tunnels {
  private readonly byNode = new Map<string, Tunnel>();
  private id = 0;
  /** Asks the other processes of the cloud. */
  elsewhere: (node: string, signal: AbortSignal) => Promise<Way | undefined> = async () => undefined;
  /** The nodes whose tunnels end at other processes of the cloud. */
  others: (signal: AbortSignal) => Promise<readonly Way[]> = async () => [];

  readonly nextId = (): number => ++this.id;

  /** Resolves with why it ended, when it has ended. */
  async keep(tunnel: Tunnel): Promise<Error | undefined> {
    this.byNode.get(tunnel.node)?.close();
    this.byNode.set(tunnel.node, tunnel);
    try {
      return await tunnel.run();
    } finally {
      if (this.byNode.get(tunnel.node) === tunnel) this.byNode.delete(tunnel.node);
    }
  }

  all(): Iterable<Tunnel> {
    return this.byNode.values();
  }

  find(node: string): Tunnel | undefined {
    return this.byNode.get(node);
  }

  /** How to every node that has a tunnel, here or elsewhere. */
  async everywhere(signal: AbortSignal): Promise<Way[]> {
    const others = await this.others(signal);
    const ways = new Map<string, Way>(others.map((way) => [way.node, way]));
    for (const [node, tunnel] of this.byNode) ways.set(node, tunnel);
    return [...ways.values()];
  }

  /** Errors: KubeError ServiceUnavailable. */
  async reach(node: string, signal: AbortSignal): Promise<Way> {
    const way = this.byNode.get(node) ?? (await this.elsewhere(node, signal));
    if (way) return way;
    throw new KubeError(
      "ServiceUnavailable",
      `cannot reach node ${JSON.stringify(node)}: no tunnel of it ends at this cloud, nor at another one that works on the same API`,
    );
  }

  close(): void {
    for (const tunnel of this.byNode.values()) tunnel.close();
  }
}
