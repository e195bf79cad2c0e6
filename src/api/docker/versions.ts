/** Versions of Docker's Engine API, which a path may name: /v1.43/images/json. */
import { invalid } from "../../base/errors.ts";

/** The minor numbers; the major one is 1. */
export const newest = 51;
export const oldest = 24;

export const newestVersion = `1.${newest}`;
export const oldestVersion = `1.${oldest}`;

/** The version that a path names, and the rest of it. dockerd's words for one that does not fit, which clients look for. */
export function splitVersion(path: string): { version: number; path: string } {
  const found = /^\/v(\d+(?:\.\d+)*)(\/.*)$/.exec(path);
  if (!found) return { version: newest, path };
  const [, named = "", rest = "/"] = found;
  const [major = 0, minor = 0] = named.split(".").map(Number);
  if (major > 1 || (major === 1 && minor > newest))
    throw invalid(`client version ${named} is too new. Maximum supported API version is ${newestVersion}`);
  if (major < 1 || minor < oldest)
    throw invalid(
      `client version ${named} is too old. Minimum supported API version is ${oldestVersion}, please upgrade your client to a newer version`,
    );
  return { version: minor, path: rest };
}
