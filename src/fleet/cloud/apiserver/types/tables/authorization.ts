export const authorization = `
SelfSubjectAccessReview -- May I?
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec*      SelfSubjectAccessReviewSpec
  status     SubjectAccessReviewStatus

SelfSubjectAccessReviewSpec
  nonResourceAttributes NonResourceAttributes
  resourceAttributes    ResourceAttributes

NonResourceAttributes
  path string
  verb string

ResourceAttributes
  fieldSelector FieldSelectorAttributes
  group         string
  labelSelector LabelSelectorAttributes
  name          string
  namespace     string
  resource      string
  subresource   string
  verb          string
  version       string

FieldSelectorAttributes
  rawSelector  string
  requirements [FieldSelectorRequirement] atomic

LabelSelectorAttributes
  rawSelector  string
  requirements [LabelSelectorRequirement] atomic

SubjectAccessReviewStatus
  allowed         bool
  denied          bool
  evaluationError string
  reason          string

SubjectAccessReview -- May this user?
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec*      SubjectAccessReviewSpec
  status     SubjectAccessReviewStatus

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
  spec*      SubjectAccessReviewSpec
  status     SubjectAccessReviewStatus

SelfSubjectRulesReview -- What may I, within one namespace?
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec*      SelfSubjectRulesReviewSpec
  status     SubjectRulesReviewStatus

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
