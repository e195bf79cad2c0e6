export const coordination = `
Lease -- Says that somebody is there, and for how long.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       LeaseSpec -- Who holds it.

LeaseSpec
  acquireTime          microtime -- Since when this holder has it.
  holderIdentity       string    -- Who holds it.
  leaseDurationSeconds int       -- For how long after renewTime.
  leaseTransitions     int       -- How often the holder changed.
  preferredHolder      string
  renewTime            microtime -- The last sign of life.
  strategy             string
`;
