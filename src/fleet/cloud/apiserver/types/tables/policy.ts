export const policy = `
Eviction -- Asks for the end of a pod.
  apiVersion    string
  deleteOptions DeleteOptions
  kind          string
  metadata      ObjectMeta

PodDisruptionBudget -- How many pods may be missing at a time.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       PodDisruptionBudgetSpec
  status     PodDisruptionBudgetStatus

PodDisruptionBudgetSpec
  maxUnavailable             IntOrString
  minAvailable               IntOrString
  selector                   LabelSelector
  unhealthyPodEvictionPolicy string

PodDisruptionBudgetStatus
  conditions         [Condition] merge(type) map(type)
  currentHealthy     int
  desiredHealthy     int
  disruptedPods      {time}
  disruptionsAllowed int
  expectedPods       int
  observedGeneration long
`;
