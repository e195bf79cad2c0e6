/** Images fetched ahead of the pods that will want them: by the engine, as for a pod. */
import { SampanError } from "../../../base/errors.ts";
import type { PrePullTemplate } from "../../link/kinds/jobs.ts";
import type { EdgeContext } from "../part.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";

export interface ImageResult {
  readonly image: string;
  readonly status: "True" | "False";
  readonly reason: string;
}

/** Pulls one image. Its secret is in memory alone. */
export type PullImage = (image: string, secrets: readonly KubeObject[], signal: AbortSignal) => Promise<void>;

const mostTries = 10;
const mostReason = 256;

/** All images are tried, whatever becomes of one. */
export async function pullAll(
  { meta }: Pick<EdgeContext, "meta">,
  pullImage: PullImage,
  { template, signal }: { readonly template: PrePullTemplate; readonly signal: AbortSignal },
): Promise<readonly ImageResult[]> {
  const secrets = await secretsOf(meta, template.imageSecrets, signal);
  const tries = 1 + Math.min(template.retryTimes ?? 0, mostTries);
  const results: ImageResult[] = [];
  for (const image of template.images)
    results.push(await pullOne(image, { pullImage, secrets, tries, signal }));
  return results;
}

/** `<namespace>/<name>` */
async function secretsOf(
  meta: EdgeContext["meta"],
  name: string | undefined,
  signal: AbortSignal,
): Promise<KubeObject[]> {
  if (!name) return [];
  const [first = "", second] = name.split("/");
  const key =
    second === undefined ? { namespace: "default", name: first } : { namespace: first, name: second };
  return [await meta.fetch({ ...key, type: "secret" }, signal)];
}

interface Pulling {
  readonly pullImage: PullImage;
  readonly secrets: readonly KubeObject[];
  readonly tries: number;
  readonly signal: AbortSignal;
}

async function pullOne(image: string, { pullImage, secrets, tries, signal }: Pulling): Promise<ImageResult> {
  for (let left = tries; ; left--) {
    try {
      await pullImage(image, secrets, signal);
      return { image, status: "True", reason: "" };
    } catch (error) {
      const reason = SampanError.from(error).message.slice(0, mostReason);
      if (left <= 1 || signal.aborted) return { image, status: "False", reason };
    }
  }
}
