export const certificates = `
CertificateSigningRequest -- Asks for a certificate.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec*      CertificateSigningRequestSpec
  status     CertificateSigningRequestStatus

CertificateSigningRequestSpec
  expirationSeconds int      -- How long it should be valid.
  extra             {[string]}
  groups            [string] atomic
  request*          bytes    -- A PKCS#10 request in PEM.
  signerName*       string   -- Who should sign.
  uid               string
  usages            [string] atomic
  username          string

CertificateSigningRequestStatus
  certificate bytes                        -- The answer, in PEM.
  conditions  [CertificateSigningRequestCondition] map(type) -- Approved, Denied or Failed.

CertificateSigningRequestCondition
  lastTransitionTime time
  lastUpdateTime     time
  message            string
  reason             string
  status             string
  type               string
`;
