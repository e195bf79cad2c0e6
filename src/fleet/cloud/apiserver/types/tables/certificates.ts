export const certificates = `
CertificateSigningRequest -- Asks for a certificate.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec*      CertificateSigningRequestSpec -- What is asked for.
  status     CertificateSigningRequestStatus -- What became of it.

CertificateSigningRequestSpec
  expirationSeconds int        -- How long it should be valid.
  extra             {[string]} -- More about who asked; set by the server.
  groups            [string]   atomic -- The groups of who asked; set by the server.
  request*          bytes      -- A PKCS#10 request in PEM.
  signerName*       string     -- Who should sign.
  uid               string     -- Who asked; set by the server.
  usages            [string]   atomic -- What the certificate is for.
  username          string     -- Who asked; set by the server.

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
