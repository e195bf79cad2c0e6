export const nodes = `
Node -- A machine that runs pods.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       NodeSpec   -- What is wanted of it.
  status     NodeStatus -- What it reports.

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
  daemonEndpoints NodeDaemonEndpoints  -- Where its agent listens.
  features        NodeFeatures
  images          [ContainerImage]     atomic -- Images that it holds.
  nodeInfo        NodeSystemInfo       -- Versions of its system.
  phase           string
  runtimeHandlers [NodeRuntimeHandler] atomic
  volumesAttached [AttachedVolume]     atomic
  volumesInUse    [string]             atomic

NodeAddress
  address string -- The address or name.
  type    string -- InternalIP, ExternalIP, Hostname.

NodeCondition
  lastHeartbeatTime  time   -- The last word of it.
  lastTransitionTime time   -- Since when.
  message            string -- Why, for people.
  reason             string -- Why, in a word.
  status             string -- True, False or Unknown.
  type               string -- Which condition.

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
  architecture            string -- The processor's kind.
  bootID                  string -- Changes with each boot.
  containerRuntimeVersion string -- What runs containers.
  kernelVersion           string -- The kernel.
  kubeProxyVersion        string
  kubeletVersion          string -- The agent.
  machineID               string -- Names the machine.
  operatingSystem         string -- linux or windows.
  osImage                 string -- The distribution.
  swap                    NodeSwapStatus
  systemUUID              string -- Names the hardware.

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
  spec       NamespaceSpec   -- Who guards it.
  status     NamespaceStatus -- Whether it is going.

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
