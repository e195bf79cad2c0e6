export const batch = `
Job -- Runs pods until enough of them succeeded.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       JobSpec   -- What is wanted.
  status     JobStatus -- How far it is.

JobSpec
  activeDeadlineSeconds   long                       -- The most that it may take.
  backoffLimit            int                        -- Failures before it gives up.
  backoffLimitPerIndex    int                        -- Failures of one index before it is given up.
  completionMode          NonIndexed|Indexed         =NonIndexed -- Whether each pod has a number.
  completions             int                        -- How many successes.
  managedBy               string                     -- Who works on it.
  manualSelector          bool                       -- The selector is the client's own.
  maxFailedIndexes        int                        -- How many indexes may be given up.
  parallelism             int                        -- How many pods at a time.
  podFailurePolicy        PodFailurePolicy           -- What failures mean.
  podReplacementPolicy    Failed|TerminatingOrFailed -- When a pod that fails is replaced.
  selector                LabelSelector              -- Made by the server.
  successPolicy           SuccessPolicy              -- When enough indexes succeeded.
  suspend                 bool                       =false -- No pods while true.
  template*               core.PodTemplateSpec       -- The pods.
  ttlSecondsAfterFinished int                        -- Removed this long after its end.

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
  completedIndexes        string         -- Indexes that succeeded.
  completionTime          time           -- When it was done.
  conditions              [JobCondition] merge(type) atomic -- Complete, Failed, Suspended.
  failed                  int            -- Pods that failed.
  failedIndexes           string
  ready                   int            -- Pods that are ready.
  startTime               time           -- When it began.
  succeeded               int            -- Pods that succeeded.
  terminating             int            -- Pods that end.
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
