export const config = `
ConfigMap -- Settings as keys and values.
  apiVersion string
  binaryData {bytes}  -- Values in base64.
  data       {string} -- Values in UTF-8.
  immutable  bool     -- No changes any more.
  kind       string
  metadata   ObjectMeta

Secret -- Confidential keys and values.
  apiVersion string
  data       {bytes}  -- Values in base64.
  immutable  bool     -- No changes any more.
  kind       string
  metadata   ObjectMeta
  stringData {string} -- Values in plain text, moved to data; never shown.
  type       string   =Opaque -- What it is for.

ServiceAccount -- Who pods are to the API.
  apiVersion                   string
  automountServiceAccountToken bool                   -- Whether pods get its token.
  imagePullSecrets             [LocalObjectReference] atomic -- Credentials of registries for its pods.
  kind                         string
  metadata                     ObjectMeta
  secrets                      [ObjectReference]      merge(name) map(name) -- Secrets that its pods may use.
`;
