export const batch = `
Job -- Runs pods until enough of them succeeded.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       JobSpec
  status     JobStatus

JobSpec
  activeDeadlineSeconds   long                 -- The most that it may take.
  backoffLimit            int                  -- Failures before it gives up.
  backoffLimitPerIndex    int
  completionMode          NonIndexed|Indexed   =NonIndexed
  completions             int                  -- How many successes.
  managedBy               string
  manualSelector          bool
  maxFailedIndexes        int
  parallelism             int                  -- How many pods at a time.
  podFailurePolicy        PodFailurePolicy
  podReplacementPolicy    Failed|TerminatingOrFailed
  selector                LabelSelector        -- Made by the server.
  successPolicy           SuccessPolicy
  suspend                 bool                 =false -- No pods while true.
  template*               core.PodTemplateSpec -- The pods.
  ttlSecondsAfterFinished int                  -- Removed this long after its end.

PodFailurePolicy
  rules* [PodFailurePolicyRule] atomic

PodFailurePolicyRule
  action*         FailJob|FailIndex|Ignore|Count
  onExitCodes     PodFailurePolicyOnExitCodesRequirement
  onPodConditions [PodFailurePolicyOnPodConditionsPattern] atomic

PodFailurePolicyOnExitCodesRequirement
  containerName string
  operator*     In|NotIn
  values*       [int] set

PodFailurePolicyOnPodConditionsPattern
  status* string
  type*   string

SuccessPolicy
  rules* [SuccessPolicyRule] atomic

SuccessPolicyRule
  succeededCount   int
  succeededIndexes string

JobStatus
  active                  int            -- Pods that run.
  completedIndexes        string
  completionTime          time
  conditions              [JobCondition] merge(type) atomic
  failed                  int            -- Pods that failed.
  failedIndexes           string
  ready                   int
  startTime               time
  succeeded               int            -- Pods that succeeded.
  terminating             int
  uncountedTerminatedPods UncountedTerminatedPods

JobCondition
  lastProbeTime      time
  lastTransitionTime time
  message            string
  reason             string
  status             string
  type               string

UncountedTerminatedPods
  failed    [string] set
  succeeded [string] set
`;
