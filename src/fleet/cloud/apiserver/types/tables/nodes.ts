export const nodes = `
Node -- A machine that runs pods.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       NodeSpec
  status     NodeStatus

NodeSpec
  configSource  NodeConfigSource
  externalID    string
  podCIDR       string   -- The addresses of its pods.
  podCIDRs      [string] merge() set
  providerID    string   -- What the cloud calls it.
  taints        [Taint]  atomic -- Keep pods away.
  unschedulable bool     -- No new pods.

NodeConfigSource
  configMap ConfigMapNodeConfigSource

ConfigMapNodeConfigSource
  kubeletConfigKey* string
  name*             string
  namespace*        string
  resourceVersion   string
  uid               string

NodeStatus
  addresses       [NodeAddress]        merge(type) map(type) -- How it is reached.
  allocatable     {Quantity}           -- What pods may have.
  capacity        {Quantity}           -- What it has.
  conditions      [NodeCondition]      merge(type) map(type) -- Ready, MemoryPressure, DiskPressure, PIDPressure.
  config          NodeConfigStatus
  daemonEndpoints NodeDaemonEndpoints
  features        NodeFeatures
  images          [ContainerImage]     atomic -- Images that it holds.
  nodeInfo        NodeSystemInfo       -- Versions of its system.
  phase           string
  runtimeHandlers [NodeRuntimeHandler] atomic
  volumesAttached [AttachedVolume]     atomic
  volumesInUse    [string]             atomic

NodeAddress
  address string
  type    string

NodeCondition
  lastHeartbeatTime  time
  lastTransitionTime time
  message            string
  reason             string
  status             string
  type               string

NodeConfigStatus
  active        NodeConfigSource
  assigned      NodeConfigSource
  error         string
  lastKnownGood NodeConfigSource

NodeDaemonEndpoints
  kubeletEndpoint DaemonEndpoint

DaemonEndpoint
  Port int

NodeFeatures
  supplementalGroupsPolicy bool

ContainerImage
  names     [string] atomic
  sizeBytes long

NodeSystemInfo
  architecture            string
  bootID                  string
  containerRuntimeVersion string
  kernelVersion           string
  kubeProxyVersion        string
  kubeletVersion          string
  machineID               string
  operatingSystem         string
  osImage                 string
  swap                    NodeSwapStatus
  systemUUID              string

NodeSwapStatus
  capacity long

NodeRuntimeHandler
  features NodeRuntimeHandlerFeatures
  name     string

NodeRuntimeHandlerFeatures
  recursiveReadOnlyMounts bool
  userNamespaces          bool

AttachedVolume
  devicePath string
  name       string

Namespace -- A room for names.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       NamespaceSpec
  status     NamespaceStatus

NamespaceSpec
  finalizers [string] atomic -- Who has to agree before it goes.

NamespaceStatus
  conditions [NamespaceCondition] merge(type) map(type)
  phase      Active|Terminating   -- Whether it is going.

NamespaceCondition
  lastTransitionTime time
  message            string
  reason             string
  status             string
  type               string
`;
