/** Commits a container that may run: it stands still meanwhile, unless that is not wanted, so that no file changes while it is read. */
import { SampanError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { commit, type CommitOptions, type CommitParts } from "../images/commit.ts";
import { pauseContainer, unpauseContainer } from "./pause.ts";
import { emit, type LifeParts } from "./parts.ts";

/** The new image's id. One that is paused already stays so. */
export async function commitContainer(
  engine: CommitParts & LifeParts,
  reference: string,
  { pause = true, ...options }: CommitOptions & { readonly pause?: boolean } = {},
): Promise<Digest> {
  const info = engine.containers.get(reference);
  const stopsIt = pause && info.state === "running";
  if (stopsIt) await pauseContainer(engine, info.id);
  try {
    const image = await commit(engine, info.id, options);
    emit(engine, info, "commit", { comment: options.message ?? "", imageID: image });
    return image;
  } finally {
    if (stopsIt) await unpauseContainer(engine, info.id).catch(unlessGone);
  }
}

/** Killed, or let go by somebody else. */
function unlessGone(error: unknown): void {
  const { code } = SampanError.from(error);
  if (code !== "failed_precondition" && code !== "not_found") throw error;
}
