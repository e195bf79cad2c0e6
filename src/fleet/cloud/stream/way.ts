/** How streams come to a node's kubelet: by its tunnel, if that ends in this process, or by the process in which it ends. */
import type { Duplex } from "node:stream";
import type { TunnelRequest } from "./tunnel.ts";

export interface Way {
  readonly node: string;
  /** The edge is one of ours: windows, and a head before bodies. */
  readonly ours: boolean;
  /** Errors: `unavailable`, `resource_exhausted`. */
  open(request: TunnelRequest): Promise<Duplex>;
}
