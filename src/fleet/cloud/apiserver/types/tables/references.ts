export const references = `
ObjectReference atomic -- Points to another object.
  apiVersion      string
  fieldPath       string
  kind            string
  name            string
  namespace       string
  resourceVersion string
  uid             string

LocalObjectReference atomic
  name string =""

TypedLocalObjectReference atomic
  apiGroup string
  kind*    string
  name*    string

TypedObjectReference
  apiGroup  string
  kind*     string
  name*     string
  namespace string

SecretReference atomic
  name      string
  namespace string
`;
