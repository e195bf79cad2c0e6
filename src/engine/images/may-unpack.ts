/** Who may unpack images. Until user namespaces and mappings of ids are set up for an ordinary user, only root. */
import { SampanError } from "../../base/errors.ts";

/**
 * For the beginning of a verb, before anything is fetched. `doing`: `pull image "alpine"`. Errors: `permission_denied`.
 */
export function mustUnpack(doing: string, uid: number = process.geteuid?.() ?? 0): void {
  if (uid === 0) return;
  throw new SampanError(
    "permission_denied",
    `cannot ${doing}: unpacking images needs root for now; user ${uid} may not give files to their owners (CAP_CHOWN) nor mount layers (CAP_SYS_ADMIN)`,
  );
}
