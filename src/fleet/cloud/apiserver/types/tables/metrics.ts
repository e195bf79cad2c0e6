export const metrics = `
NodeMetrics -- What a node uses.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  timestamp* time       -- The end of the window.
  window*    string     -- Over which the usage was measured.
  usage*     {Quantity} -- Of cpu and memory.

PodMetrics -- What a pod uses.
  apiVersion  string
  kind        string
  metadata    ObjectMeta
  timestamp*  time               -- The end of the window.
  window*     string             -- Over which the usage was measured.
  containers* [ContainerMetrics] atomic

ContainerMetrics -- What a container uses.
  name*  string
  usage* {Quantity} -- Of cpu and memory.
`;
