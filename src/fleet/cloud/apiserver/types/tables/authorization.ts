export const authorization = `
SelfSubjectAccessReview -- May I?
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec*      SelfSubjectAccessReviewSpec -- What is asked.
  status     SubjectAccessReviewStatus   -- The answer.

SelfSubjectAccessReviewSpec
  nonResourceAttributes NonResourceAttributes
  resourceAttributes    ResourceAttributes

NonResourceAttributes
  path string
  verb string

ResourceAttributes
  fieldSelector FieldSelectorAttributes
  group         string -- The API group; * for all.
  labelSelector LabelSelectorAttributes
  name          string -- The object; empty for all.
  namespace     string -- The namespace; empty for all.
  resource      string -- As pods.
  subresource   string -- As log.
  verb          string -- As get.
  version       string -- The version; * for all.

FieldSelectorAttributes
  rawSelector  string
  requirements [FieldSelectorRequirement] atomic

LabelSelectorAttributes
  rawSelector  string
  requirements [LabelSelectorRequirement] atomic

SubjectAccessReviewStatus
  allowed         bool   -- It may be done.
  denied          bool   -- It is forbidden.
  evaluationError string -- What could not be found out.
  reason          string -- Why.

SubjectAccessReview -- May this user?
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec*      SubjectAccessReviewSpec   -- What is asked.
  status     SubjectAccessReviewStatus -- The answer.

SubjectAccessReviewSpec
  extra                 {[string]}
  groups                [string] atomic
  nonResourceAttributes NonResourceAttributes
  resourceAttributes    ResourceAttributes
  uid                   string
  user                  string

LocalSubjectAccessReview -- May this user, within one namespace?
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec*      SubjectAccessReviewSpec   -- What is asked.
  status     SubjectAccessReviewStatus -- The answer.

SelfSubjectRulesReview -- What may I, within one namespace?
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec*      SelfSubjectRulesReviewSpec -- The namespace.
  status     SubjectRulesReviewStatus   -- The rules.

SelfSubjectRulesReviewSpec
  namespace string

SubjectRulesReviewStatus
  evaluationError  string
  incomplete       bool
  nonResourceRules [NonResourceRule] atomic
  resourceRules    [ResourceRule]    atomic

NonResourceRule
  nonResourceURLs [string] atomic
  verbs*          [string] atomic

ResourceRule
  apiGroups     [string] atomic
  resourceNames [string] atomic
  resources     [string] atomic
  verbs*        [string] atomic
`;
