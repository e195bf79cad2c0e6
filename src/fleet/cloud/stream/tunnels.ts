/** The tunnels that end in this process, by node. The newest of a node wins. */
import { KubeError } from "../../../spec/kubernetes/kube.ts";
import type { Tunnel } from "./tunnel.ts";

export class Tunnels {
  private readonly byNode = new Map<string, Tunnel>();
  private id = 0;

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

  /** @throws KubeError ServiceUnavailable */
  of(node: string): Tunnel {
    const tunnel = this.byNode.get(node);
    if (tunnel) return tunnel;
    throw new KubeError(
      "ServiceUnavailable",
      `cannot reach node ${JSON.stringify(node)}: no tunnel of it ends at this cloud; it is offline, or connected to another one`,
    );
  }

  close(): void {
    for (const tunnel of this.byNode.values()) tunnel.close();
  }
}
