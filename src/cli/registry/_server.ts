/** The registry that login and logout mean. */
import { defaultRegistry } from "../../spec/image/reference.ts";

/** Docker Hub when none is given; an address is cut to its host and port. */
export function serverOf(given: string | undefined): string {
  if (given === undefined || given === "") return defaultRegistry;
  const host = given.replace(/^https?:\/\//, "").replace(/\/.*$/s, "");
  return host === "index.docker.io" || host === "registry-1.docker.io" ? defaultRegistry : host;
}
