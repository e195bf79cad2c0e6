/** The program's version and commit. */

/** Put in by `bun build --define`; a run from source has none. */
declare const SAMPAN_COMMIT: string | undefined;

/** package.json's; a test holds the two together. */
export const version = "0.1.0";

/** The commit that the program was built from, or "unknown". */
export function commit(): string {
  return typeof SAMPAN_COMMIT === "string" && SAMPAN_COMMIT !== "" ? SAMPAN_COMMIT : "unknown";
}
