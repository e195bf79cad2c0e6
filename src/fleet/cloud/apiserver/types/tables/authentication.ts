export const authentication = `
TokenReview -- Whose token is this?
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec*      TokenReviewSpec
  status     TokenReviewStatus

TokenReviewSpec
  audiences [string] atomic
  token     string

TokenReviewStatus
  audiences     [string] atomic
  authenticated bool
  error         string
  user          UserInfo

UserInfo
  extra    {[string]}
  groups   [string] atomic
  uid      string
  username string

TokenRequest -- Asks for a token of a service account.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec*      TokenRequestSpec
  status     TokenRequestStatus

TokenRequestSpec
  audiences*        [string] atomic
  boundObjectRef    BoundObjectReference
  expirationSeconds long     =3600

BoundObjectReference
  apiVersion string
  kind       string
  name       string
  uid        string

TokenRequestStatus
  expirationTimestamp time
  token               string

SelfSubjectReview -- Who am I?
  apiVersion string
  kind       string
  metadata   ObjectMeta
  status     SelfSubjectReviewStatus

SelfSubjectReviewStatus
  userInfo UserInfo
`;
