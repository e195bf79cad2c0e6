export const storage = `
StorageClass -- A kind of storage.
  allowVolumeExpansion bool                         -- Whether claims may grow.
  allowedTopologies    [TopologySelectorTerm]       atomic
  apiVersion           string
  kind                 string
  metadata             ObjectMeta
  mountOptions         [string]                     atomic
  parameters           {string}                     -- For the provisioner.
  provisioner*         string                       -- Who makes the volumes.
  reclaimPolicy        Retain|Delete|Recycle        =Delete -- What happens to volumes after their claim.
  volumeBindingMode    Immediate|WaitForFirstConsumer =Immediate -- When a volume is chosen.

TopologySelectorTerm atomic
  matchLabelExpressions [TopologySelectorLabelRequirement] atomic

TopologySelectorLabelRequirement
  key*    string
  values* [string] atomic
`;
