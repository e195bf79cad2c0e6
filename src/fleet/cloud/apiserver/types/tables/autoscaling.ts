export const autoscaling = `
Scale -- How many copies of something.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       ScaleSpec
  status     ScaleStatus

ScaleSpec
  replicas int -- How many are wanted.

ScaleStatus
  replicas int    -- How many there are.
  selector string -- Their labels.
`;
