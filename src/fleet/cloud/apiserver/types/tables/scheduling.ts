export const scheduling = `
Affinity
  nodeAffinity    NodeAffinity
  podAffinity     PodAffinity
  podAntiAffinity PodAntiAffinity

NodeAffinity
  preferredDuringSchedulingIgnoredDuringExecution [PreferredSchedulingTerm] atomic
  requiredDuringSchedulingIgnoredDuringExecution  NodeSelector

PreferredSchedulingTerm
  preference* NodeSelectorTerm
  weight*     int

NodeSelectorTerm atomic
  matchExpressions [NodeSelectorRequirement] atomic
  matchFields      [NodeSelectorRequirement] atomic

NodeSelectorRequirement
  key*      string
  operator* In|NotIn|Exists|DoesNotExist|Gt|Lt
  values    [string] atomic

PodAffinity
  preferredDuringSchedulingIgnoredDuringExecution [WeightedPodAffinityTerm] atomic
  requiredDuringSchedulingIgnoredDuringExecution  [PodAffinityTerm]         atomic

WeightedPodAffinityTerm
  podAffinityTerm* PodAffinityTerm
  weight*          int

PodAffinityTerm
  labelSelector     LabelSelector
  matchLabelKeys    [string] atomic
  mismatchLabelKeys [string] atomic
  namespaceSelector LabelSelector
  namespaces        [string] atomic
  topologyKey*      string

PodAntiAffinity
  preferredDuringSchedulingIgnoredDuringExecution [WeightedPodAffinityTerm] atomic
  requiredDuringSchedulingIgnoredDuringExecution  [PodAffinityTerm]         atomic

Toleration -- A taint that the pod puts up with.
  effect            NoSchedule|PreferNoSchedule|NoExecute -- Empty for all effects.
  key               string                       -- Empty, with Exists, for all keys.
  operator          Exists|Equal                 -- Equal when absent.
  tolerationSeconds long                         -- With NoExecute: for how long.
  value             string                       -- With Equal.

Taint -- Keeps pods away that do not tolerate it.
  effect*   NoSchedule|PreferNoSchedule|NoExecute
  key*      string
  timeAdded time
  value     string

TopologySpreadConstraint
  labelSelector      LabelSelector
  matchLabelKeys     [string] atomic
  maxSkew*           int      -- The most that two parts may differ by.
  minDomains         int
  nodeAffinityPolicy Honor|Ignore
  nodeTaintsPolicy   Honor|Ignore
  topologyKey*       string   -- The node label that names the part.
  whenUnsatisfiable* DoNotSchedule|ScheduleAnyway

NodeSelector atomic
  nodeSelectorTerms* [NodeSelectorTerm] atomic
`;
