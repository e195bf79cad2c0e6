export const meta = `
ObjectMeta
  annotations                {string}             -- Notes of programs, no selectors.
  creationTimestamp          time                 -- When it was made; set by the server.
  deletionGracePeriodSeconds long                 -- Time to end, of what is being deleted.
  deletionTimestamp          time                 -- Set when its deletion was asked for.
  finalizers                 [string]             merge() set -- Who has to agree before it goes.
  generateName               string               -- The beginning of a name that the server makes up.
  generation                 long                 -- Counts the changes of what is wanted.
  labels                     {string}             -- For selectors.
  managedFields              [ManagedFieldsEntry] atomic -- Who set which field.
  name                       string               -- Unique within kind and namespace.
  namespace                  string               -- The room of its name.
  ownerReferences            [OwnerReference]     merge(uid) map(uid) -- It goes with these.
  resourceVersion            string               -- Changes with every write.
  selfLink                   string               -- Not used any more.
  uid                        string               -- Unique for all time.

ManagedFieldsEntry
  apiVersion  string
  fieldsType  string
  fieldsV1    object
  manager     string
  operation   string
  subresource string
  time        time

OwnerReference atomic
  apiVersion*        string -- Group and version of the owner.
  blockOwnerDeletion bool   -- The owner waits for it.
  controller         bool   -- The owner manages it.
  kind*              string -- The owner's kind.
  name*              string -- The owner's name.
  uid*               string -- The owner's uid.

ListMeta
  continue           string
  remainingItemCount long
  resourceVersion    string
  selfLink           string

LabelSelector atomic
  matchExpressions [LabelSelectorRequirement] atomic -- Conditions; all must hold.
  matchLabels      {string}                   -- Labels with their values.

Condition
  lastTransitionTime time   -- Since when.
  message            string -- Why, for people.
  observedGeneration long   -- The version of the specification that was seen.
  reason             string -- Why, in a word.
  status             string -- True, False or Unknown.
  type               string -- Which condition.

DeleteOptions
  apiVersion                                       string
  dryRun                                           [string] atomic
  gracePeriodSeconds                               long
  ignoreStoreReadErrorWithClusterBreakingPotential bool
  kind                                             string
  orphanDependents                                 bool
  preconditions                                    Preconditions
  propagationPolicy                                string

Preconditions
  resourceVersion string
  uid             string

Status
  apiVersion string
  code       int
  details    StatusDetails
  kind       string
  message    string
  metadata   ListMeta
  reason     string
  status     string

StatusDetails atomic
  causes            [StatusCause] atomic
  group             string
  kind              string
  name              string
  retryAfterSeconds int
  uid               string

StatusCause
  field   string
  message string
  reason  string

FieldSelectorRequirement
  key*      string
  operator* string
  values    [string] atomic

LabelSelectorRequirement
  key*      string                       -- The label.
  operator* In|NotIn|Exists|DoesNotExist -- How it is compared.
  values    [string]                     atomic -- With what.
`;
