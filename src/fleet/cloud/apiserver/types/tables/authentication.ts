export const authentication = `
TokenReview -- Whose token is this?
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec*      TokenReviewSpec   -- The token.
  status     TokenReviewStatus -- Whose it is.

TokenReviewSpec
  audiences [string] atomic
  token     string

TokenReviewStatus
  audiences     [string] atomic -- Who of those asked it is for.
  authenticated bool     -- It is good.
  error         string   -- Why not.
  user          UserInfo -- Whose it is.

UserInfo
  extra    {[string]} -- More about the user.
  groups   [string]   atomic -- The user's groups.
  uid      string     -- Unique for all time.
  username string     -- The user's name.

TokenRequest -- Asks for a token of a service account.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec*      TokenRequestSpec
  status     TokenRequestStatus

TokenRequestSpec
  audiences*        [string]             atomic -- Who the token is for.
  boundObjectRef    BoundObjectReference -- It ends with this object.
  expirationSeconds long                 =3600 -- How long it should be valid.

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
  status     SelfSubjectReviewStatus -- Who is asking.

SelfSubjectReviewStatus
  userInfo UserInfo
`;
