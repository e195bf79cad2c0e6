/**
 * The port through which `kubectl top` is answered: the tunnel to the edges fills it. Without it the lists are empty, as a metrics server's without kubelets are.
 * What is served: https://github.com/kubernetes/metrics (metrics.k8s.io/v1beta1)
 */

export interface Usage {
  /** In billionths of a processor, over the window. */
  readonly cpu: number;
  /** In bytes: the working set, at the end of the window. */
  readonly memory: number;
}

/** What was measured, and when. */
export interface Measured {
  /** The end of the window, in milliseconds since 1970. */
  readonly at: number;
  /** In seconds. */
  readonly window: number;
}

export interface NodeUsage extends Measured {
  readonly name: string;
  readonly usage: Usage;
}

export interface PodUsage extends Measured {
  readonly namespace: string;
  readonly name: string;
  readonly containers: readonly { readonly name: string; readonly usage: Usage }[];
}

/** The latest figures that are there. Those of nodes and pods that are gone are left out by who asks. */
export interface ResourceMetrics {
  /** Resolves at once, but for who asks first after nobody did for long: nobody had been measured. Never rejects, and takes some seconds at most. */
  ready?(): Promise<void>;
  nodes(): readonly NodeUsage[];
  /** Of all namespaces without one. */
  pods(namespace?: string): readonly PodUsage[];
}
