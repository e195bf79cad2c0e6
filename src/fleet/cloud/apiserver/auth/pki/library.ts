/** The library of certificates: loaded when something has to be made or read, since that costs a tenth of a second. */
import type * as X509 from "@peculiar/x509";

/** It wants Reflect's metadata there before it is loaded; what a bundler makes of imports keeps no such order, and calls do. */
export function x509(): typeof X509 {
  require("reflect-metadata");
  return require("@peculiar/x509") as typeof X509;
}
