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
  lastProbeTime      time   -- When it was looked at.
  lastTransitionTime time   -- Since when.
  message            string -- Why, for people.
  observedGeneration long
  reason             string -- Why, in a word.
  status             string -- True, False or Unknown.
  type               string -- Which condition.

ContainerStatus -- What became of one container.
  allocatedResources       {Quantity}
  allocatedResourcesStatus [ResourceStatus]    merge(name) map(name)
  containerID              string              -- The runtime's name of it.
  image                    string              -- The image that runs.
  imageID                  string              -- The image by its content.
  lastState                ContainerState      -- How the one before ended.
  name                     string              -- The container.
  ready                    bool                -- Whether it can do its work.
  resources                ResourceRequirements
  restartCount             int                 -- How often it was started again.
  started                  bool                -- Whether its startup probe is done.
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
  running    ContainerStateRunning    -- It runs.
  terminated ContainerStateTerminated -- It ended.
  waiting    ContainerStateWaiting    -- It has not begun.

ContainerStateRunning
  startedAt time -- Since when.

ContainerStateTerminated
  containerID string -- The runtime's name of it.
  exitCode    int    -- Its exit status.
  finishedAt  time   -- When it ended.
  message     string -- What it left as its last words.
  reason      string -- Why, in a word.
  signal      int    -- The signal that ended it.
  startedAt   time   -- When it began.

ContainerStateWaiting
  message string -- Why, for people.
  reason  string -- Why, in a word.

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
