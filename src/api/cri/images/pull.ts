/** PullImage: whole and unpacked, with the credentials that came with the call and serve it alone. */
import { invalid } from "../../../base/errors.ts";
import { pullMoving } from "../../../engine/images/pull-moving.ts";
import { parseReference } from "../../../spec/image/reference.ts";
import type { PullImageRequest } from "../../../wire/cri/cri_pb.ts";
import type { CriContext } from "../cri.ts";
import { credentialsOf } from "./auth.ts";

/** The image's id. Two pulls of the same image fetch each blob once: the second waits for the first, after its own credentials were good for the manifest. */
export async function pullImage(
  { engine, settings, clock }: CriContext,
  { image, auth }: Pick<PullImageRequest, "image" | "auth">,
  signal: AbortSignal,
): Promise<string> {
  const name = image?.image ?? "";
  if (name === "") throw invalid("cannot pull an image without a name");
  // Errors name the handlers that there are.
  if (image?.runtimeHandler) engine.runtimes.get(image.runtimeHandler);
  const { registry } = parseReference(name);
  const credentials = credentialsOf(auth, registry);
  const registries = credentials ? engine.registries.as(registry, credentials) : engine.registries;
  const { store, content, leases, gc, snapshots, unpacker, images, events } = engine;
  const parts = { store, content, leases, gc, snapshots, unpacker, images, events };
  const pulled = await pullMoving({ ...parts, settings: engine.settings, registries }, name, {
    clock,
    patience: settings.pullProgressTimeout,
    signal,
  });
  return pulled.image.id;
}
