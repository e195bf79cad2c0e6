export const autoscaling = `
Scale -- How many copies of something.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       ScaleSpec   -- How many are wanted.
  status     ScaleStatus -- How many there are.

ScaleSpec
  replicas int -- How many are wanted.

ScaleStatus
  replicas int    -- How many there are.
  selector string -- Their labels.
`;
