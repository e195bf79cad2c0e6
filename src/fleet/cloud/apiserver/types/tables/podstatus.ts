export const podstatus = `
PodStatus
  conditions                  [PodCondition]               merge(type) map(type) -- PodScheduled, Initialized, ContainersReady, Ready.
  containerStatuses           [ContainerStatus]            atomic -- One entry for each container.
  ephemeralContainerStatuses  [ContainerStatus]            atomic
  extendedResourceClaimStatus PodExtendedResourceClaimStatus
  hostIP                      string                       -- The node's address.
  hostIPs                     [HostIP]                     merge(ip) atomic
  initContainerStatuses       [ContainerStatus]            atomic -- One entry for each init container.
  message                     string                       -- Why, for people.
  nominatedNodeName           string                       -- The node on which room is being made.
  observedGeneration          long
  phase                       Pending|Running|Succeeded|Failed|Unknown -- Where the pod is in its life.
  podIP                       string                       -- The pod's address.
  podIPs                      [PodIP]                      merge(ip) map(ip) -- All addresses, at most one of each family.
  qosClass                    Guaranteed|Burstable|BestEffort -- Follows from requests and limits.
  reason                      string                       -- Why, in a word.
  resize                      string
  resourceClaimStatuses       [PodResourceClaimStatus]     merge(name):merge,retainKeys map(name)
  startTime                   time                         -- When the node took it.

PodCondition
  lastProbeTime      time
  lastTransitionTime time
  message            string
  observedGeneration long
  reason             string
  status             string
  type               string

ContainerStatus -- What became of one container.
  allocatedResources       {Quantity}
  allocatedResourcesStatus [ResourceStatus]    merge(name) map(name)
  containerID              string
  image                    string
  imageID                  string
  lastState                ContainerState      -- How the one before ended.
  name                     string
  ready                    bool                -- Whether it can do its work.
  resources                ResourceRequirements
  restartCount             int                 -- How often it was started again.
  started                  bool
  state                    ContainerState      -- Waiting, running or terminated.
  stopSignal               string
  user                     ContainerUser
  volumeMounts             [VolumeMountStatus] merge(mountPath) map(mountPath)

ResourceStatus
  name      string
  resources [ResourceHealth] map(resourceID)

ResourceHealth
  health      string
  resourceID* string

ContainerState
  running    ContainerStateRunning
  terminated ContainerStateTerminated
  waiting    ContainerStateWaiting

ContainerStateRunning
  startedAt time

ContainerStateTerminated
  containerID string
  exitCode    int
  finishedAt  time
  message     string
  reason      string
  signal      int
  startedAt   time

ContainerStateWaiting
  message string
  reason  string

ContainerUser
  linux LinuxContainerUser

LinuxContainerUser
  gid*               long
  supplementalGroups [long] atomic
  uid*               long

VolumeMountStatus
  mountPath         string
  name              string
  readOnly          bool
  recursiveReadOnly string

PodExtendedResourceClaimStatus
  requestMappings   [ContainerExtendedResourceRequest]
  resourceClaimName string

ContainerExtendedResourceRequest
  containerName* string
  requestName*   string
  resourceName*  string

HostIP
  ip* string

PodIP
  ip* string

PodResourceClaimStatus
  name              string
  resourceClaimName string
`;
