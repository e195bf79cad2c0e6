export const references = `
ObjectReference atomic -- Points to another object.
  apiVersion      string -- Its group and version.
  fieldPath       string -- The part of it.
  kind            string -- Its kind.
  name            string -- Its name.
  namespace       string -- Its namespace.
  resourceVersion string -- Its version.
  uid             string -- Its uid.

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
