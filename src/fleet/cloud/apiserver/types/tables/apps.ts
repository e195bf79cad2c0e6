export const apps = `
Deployment -- Keeps pods running and brings in new versions step by step.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       DeploymentSpec
  status     DeploymentStatus

DeploymentSpec
  minReadySeconds         int                  -- How long a pod must be ready to count.
  paused                  bool                 -- New versions wait.
  progressDeadlineSeconds int                  =600 -- After this without progress the rollout counts as failed.
  replicas                int                  =1 -- How many pods.
  revisionHistoryLimit    int                  =10 -- How many old versions are kept.
  selector*               LabelSelector        -- Labels of its pods; cannot be changed.
  strategy                DeploymentStrategy   retainKeys ={} -- How a new version comes in.
  template*               core.PodTemplateSpec -- The pods.

DeploymentStrategy
  rollingUpdate RollingUpdateDeployment
  type          Recreate|RollingUpdate =RollingUpdate

RollingUpdateDeployment
  maxSurge       IntOrString =25% -- How many pods more at a time.
  maxUnavailable IntOrString =25% -- How many pods fewer at a time.

DeploymentStatus
  availableReplicas   int
  collisionCount      int
  conditions          [DeploymentCondition] merge(type) map(type)
  observedGeneration  long
  readyReplicas       int
  replicas            int
  terminatingReplicas int
  unavailableReplicas int
  updatedReplicas     int

DeploymentCondition
  lastTransitionTime time
  lastUpdateTime     time
  message            string
  reason             string
  status             string
  type               string

ReplicaSet -- Keeps a number of equal pods running.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       ReplicaSetSpec
  status     ReplicaSetStatus

ReplicaSetSpec
  minReadySeconds int
  replicas        int                  =1 -- How many pods.
  selector*       LabelSelector        -- Labels of its pods; cannot be changed.
  template        core.PodTemplateSpec -- The pods.

ReplicaSetStatus
  availableReplicas    int
  conditions           [ReplicaSetCondition] merge(type) map(type)
  fullyLabeledReplicas int
  observedGeneration   long
  readyReplicas        int
  replicas             int
  terminatingReplicas  int

ReplicaSetCondition
  lastTransitionTime time
  message            string
  reason             string
  status             string
  type               string

DaemonSet -- Keeps one pod on each node.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       DaemonSetSpec
  status     DaemonSetStatus

DaemonSetSpec
  minReadySeconds      int
  revisionHistoryLimit int                     =10
  selector             LabelSelector           -- Labels of its pods; cannot be changed.
  template             core.PodTemplateSpec    -- The pods.
  updateStrategy       DaemonSetUpdateStrategy ={}

DaemonSetUpdateStrategy
  rollingUpdate RollingUpdateDaemonSet
  type          RollingUpdate|OnDelete =RollingUpdate

RollingUpdateDaemonSet
  maxSurge       IntOrString =0
  maxUnavailable IntOrString =1

DaemonSetStatus
  collisionCount         int
  conditions             [DaemonSetCondition] merge(type) map(type)
  currentNumberScheduled int
  desiredNumberScheduled int
  numberAvailable        int
  numberMisscheduled     int
  numberReady            int
  numberUnavailable      int
  observedGeneration     long
  updatedNumberScheduled int

DaemonSetCondition
  lastTransitionTime time
  message            string
  reason             string
  status             string
  type               string

ControllerRevision -- One version of a daemon set, as it was.
  apiVersion string
  data       object -- What was wanted then.
  kind       string
  metadata   ObjectMeta
  revision*  long
`;
