export const node = `
RuntimeClass -- A way to run containers.
  apiVersion string
  handler*   string     -- The name that the node knows it by.
  kind       string
  metadata   ObjectMeta
  overhead   Overhead   -- What the runtime takes itself.
  scheduling Scheduling -- Which nodes have it.

Overhead
  podFixed {Quantity} -- For each pod.

Scheduling
  nodeSelector {string}          mapatomic -- Labels of the nodes that have it.
  tolerations  [core.Toleration] atomic -- Taints of the nodes that have it.
`;
