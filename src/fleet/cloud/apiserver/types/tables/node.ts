export const node = `
RuntimeClass -- A way to run containers.
  apiVersion string
  handler*   string     -- The name that the node knows it by.
  kind       string
  metadata   ObjectMeta
  overhead   Overhead   -- What the runtime takes itself.
  scheduling Scheduling -- Which nodes have it.

Overhead
  podFixed {Quantity}

Scheduling
  nodeSelector {string}          mapatomic
  tolerations  [core.Toleration] atomic
`;
