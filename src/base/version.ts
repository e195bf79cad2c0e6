/** The program's version and commit. */

/** Put in by `bun build --define`; a run from source has none. */
declare const SAMPAN_COMMIT: string | undefined;
declare const SAMPAN_VERSION: string | undefined;

/** package.json's, a test holds the two together; or what a build of one's own calls itself. */
export const version = typeof SAMPAN_VERSION === "string" ? SAMPAN_VERSION : "0.1.0";

/** The commit that the program was built from, or "unknown". */
export function commit(): string {
  return typeof SAMPAN_COMMIT === "string" && SAMPAN_COMMIT !== "" ? SAMPAN_COMMIT : "unknown";
}
