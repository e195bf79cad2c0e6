export const policy = `
Eviction -- Asks for the end of a pod.
  apiVersion    string
  deleteOptions DeleteOptions -- How the pod ends.
  kind          string
  metadata      ObjectMeta
`;
