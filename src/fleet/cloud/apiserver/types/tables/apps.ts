export const apps = `
Deployment -- Keeps pods running and brings in new versions step by step.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       DeploymentSpec   -- What is wanted.
  status     DeploymentStatus -- What there is.

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
  rollingUpdate RollingUpdateDeployment -- The steps of RollingUpdate.
  type          Recreate|RollingUpdate  =RollingUpdate -- All at once, or step by step.

RollingUpdateDeployment
  maxSurge       IntOrString =25% -- How many pods more at a time.
  maxUnavailable IntOrString =25% -- How many pods fewer at a time.

DeploymentStatus
  availableReplicas   int                   -- Pods that have been ready long enough.
  collisionCount      int                   -- How often a name was taken.
  conditions          [DeploymentCondition] merge(type) map(type) -- Available, Progressing, ReplicaFailure.
  observedGeneration  long                  -- The version of the specification that was seen.
  readyReplicas       int                   -- Pods that are ready.
  replicas            int                   -- Pods that there are.
  terminatingReplicas int
  unavailableReplicas int                   -- Pods that are missing.
  updatedReplicas     int                   -- Pods of the newest version.

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
  spec       ReplicaSetSpec   -- What is wanted.
  status     ReplicaSetStatus -- What there is.

ReplicaSetSpec
  minReadySeconds int                  -- How long a pod must be ready to count.
  replicas        int                  =1 -- How many pods.
  selector*       LabelSelector        -- Labels of its pods; cannot be changed.
  template        core.PodTemplateSpec -- The pods.

ReplicaSetStatus
  availableReplicas    int                   -- Pods that have been ready long enough.
  conditions           [ReplicaSetCondition] merge(type) map(type)
  fullyLabeledReplicas int                   -- Pods with all labels of the template.
  observedGeneration   long                  -- The version of the specification that was seen.
  readyReplicas        int                   -- Pods that are ready.
  replicas             int                   -- Pods that there are.
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
  spec       DaemonSetSpec   -- What is wanted.
  status     DaemonSetStatus -- What there is.

DaemonSetSpec
  minReadySeconds      int                     -- How long a pod must be ready to count.
  revisionHistoryLimit int                     =10 -- How many old versions are kept.
  selector             LabelSelector           -- Labels of its pods; cannot be changed.
  template             core.PodTemplateSpec    -- The pods.
  updateStrategy       DaemonSetUpdateStrategy ={} -- How a new version comes in.

DaemonSetUpdateStrategy
  rollingUpdate RollingUpdateDaemonSet -- The steps of RollingUpdate.
  type          RollingUpdate|OnDelete =RollingUpdate -- Step by step, or when pods are deleted.

RollingUpdateDaemonSet
  maxSurge       IntOrString =0 -- How many nodes have two at a time.
  maxUnavailable IntOrString =1 -- How many nodes have none at a time.

DaemonSetStatus
  collisionCount         int
  conditions             [DaemonSetCondition] merge(type) map(type)
  currentNumberScheduled int                  -- Nodes that have a pod.
  desiredNumberScheduled int                  -- Nodes that should have one.
  numberAvailable        int                  -- Pods that have been ready long enough.
  numberMisscheduled     int                  -- Pods where none should be.
  numberReady            int                  -- Pods that are ready.
  numberUnavailable      int                  -- Pods that are missing.
  observedGeneration     long                 -- The version of the specification that was seen.
  updatedNumberScheduled int                  -- Pods of the newest version.

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
  revision*  long   -- Its number.
`;
