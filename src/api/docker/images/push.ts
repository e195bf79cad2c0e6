/** POST /images/{name}/push. */
import type { LiveEngine } from "../../../engine/engine.ts";
import { parseReference, repositoryName } from "../../../spec/image/reference.ts";
import { jsonLines } from "../answer.ts";
import { registriesFor, withRegistries } from "../credentials.ts";
import type { Answer, Call } from "../route.ts";
import { platformOption } from "./platform.ts";
import { ProgressLines } from "./progress.ts";

/** Without a tag all tags of the repository are meant. */
export function pushImage(engine: LiveEngine, call: Call): Answer {
  const name = call.param("name");
  const tag = call.query.string("tag") ?? (/:[^/]*$/.test(name) ? parseReference(name).tag : undefined);
  const repository = repositoryName(parseReference(name));
  const parts = withRegistries(engine, registriesFor(engine.registries, call, name));
  const options = { ...platformOption(call.query), signal: call.signal };
  return jsonLines(async (line) => {
    const { push, pushAllTags } = await import("../../../engine/images/push.ts");
    if (tag !== undefined) parts.images.get(`${repository}:${tag}`);
    await line({ status: `The push refers to repository [${repository}]` });
    const lines = new ProgressLines(line, "push");
    const { onProgress } = lines;
    const pushed =
      tag === undefined
        ? await pushAllTags(parts, repository, { ...options, onProgress })
        : [await push(parts, `${repository}:${tag}`, { ...options, onProgress })];
    await lines.flush();
    for (const { tag: Tag, digest, size } of pushed) {
      await line({ status: `${Tag}: digest: ${digest} size: ${size}` });
      await line({ progressDetail: {}, aux: { Tag, Digest: digest, Size: size } });
    }
  });
}
