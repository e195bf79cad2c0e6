/** The new program: pulled as part of an image by the engine, copied out of it, and put beside the one that runs. */
import type { LiveEngine } from "../../../../engine/engine.ts";
import { copyFileOut } from "../../../../engine/images/copy-file.ts";
import { ensureImage } from "../../edged/images.ts";
import type { UpgradePlan } from "./plan.ts";
import { mostProgram, pathInImage } from "./program.ts";

/** Errors: those of a pull; `not_found` when the image has no such program. */
export type FetchProgram = (
  plan: Pick<UpgradePlan, "image">,
  to: string,
  signal: AbortSignal,
) => Promise<void>;

export function fetchByEngine(engine: LiveEngine): FetchProgram {
  return async ({ image }, to, signal) => {
    const { id } = await ensureImage(engine, { container: { name: "", image }, secrets: [], signal });
    await copyFileOut(engine, engine.images.get(id), {
      path: pathInImage,
      to,
      mode: 0o755,
      most: mostProgram,
      signal,
    });
  };
}
