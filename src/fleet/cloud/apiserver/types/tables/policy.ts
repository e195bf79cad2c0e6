export const policy = `
Eviction -- Asks for the end of a pod.
  apiVersion    string
  deleteOptions DeleteOptions
  kind          string
  metadata      ObjectMeta
`;
