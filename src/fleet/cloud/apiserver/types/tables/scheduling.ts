export const scheduling = `
Affinity
  nodeAffinity    NodeAffinity    -- Which nodes.
  podAffinity     PodAffinity     -- Beside which pods.
  podAntiAffinity PodAntiAffinity -- Apart from which pods.

NodeAffinity
  preferredDuringSchedulingIgnoredDuringExecution [PreferredSchedulingTerm] atomic -- Better there, with weights.
  requiredDuringSchedulingIgnoredDuringExecution  NodeSelector              -- Only there.

PreferredSchedulingTerm
  preference* NodeSelectorTerm
  weight*     int

NodeSelectorTerm atomic
  matchExpressions [NodeSelectorRequirement] atomic -- Labels of the node.
  matchFields      [NodeSelectorRequirement] atomic -- Fields of the node.

NodeSelectorRequirement
  key*      string                       -- The label.
  operator* In|NotIn|Exists|DoesNotExist|Gt|Lt -- How it is compared.
  values    [string]                     atomic -- With what.

PodAffinity
  preferredDuringSchedulingIgnoredDuringExecution [WeightedPodAffinityTerm] atomic -- Better there, with weights.
  requiredDuringSchedulingIgnoredDuringExecution  [PodAffinityTerm]         atomic -- Only there.

WeightedPodAffinityTerm
  podAffinityTerm* PodAffinityTerm
  weight*          int

PodAffinityTerm
  labelSelector     LabelSelector -- The pods.
  matchLabelKeys    [string]      atomic
  mismatchLabelKeys [string]      atomic
  namespaceSelector LabelSelector -- The namespaces of the pods.
  namespaces        [string]      atomic -- The namespaces of the pods, by name.
  topologyKey*      string        -- The node label that says what is one place.

PodAntiAffinity
  preferredDuringSchedulingIgnoredDuringExecution [WeightedPodAffinityTerm] atomic -- Better not there, with weights.
  requiredDuringSchedulingIgnoredDuringExecution  [PodAffinityTerm]         atomic -- Never there.

Toleration -- A taint that the pod puts up with.
  effect            NoSchedule|PreferNoSchedule|NoExecute -- Empty for all effects.
  key               string                       -- Empty, with Exists, for all keys.
  operator          Exists|Equal                 -- Equal when absent.
  tolerationSeconds long                         -- With NoExecute: for how long.
  value             string                       -- With Equal.

Taint -- Keeps pods away that do not tolerate it.
  effect*   NoSchedule|PreferNoSchedule|NoExecute -- What happens to pods that do not tolerate it.
  key*      string                       -- Its name.
  timeAdded time                         -- Since when.
  value     string                       -- Its value.

TopologySpreadConstraint
  labelSelector      LabelSelector                -- The pods that are counted.
  matchLabelKeys     [string]                     atomic
  maxSkew*           int                          -- The most that two parts may differ by.
  minDomains         int                          -- The least parts that there must be.
  nodeAffinityPolicy Honor|Ignore
  nodeTaintsPolicy   Honor|Ignore
  topologyKey*       string                       -- The node label that names the part.
  whenUnsatisfiable* DoNotSchedule|ScheduleAnyway -- Whether it is a must.

NodeSelector atomic
  nodeSelectorTerms* [NodeSelectorTerm] atomic -- One of them must match.
`;
