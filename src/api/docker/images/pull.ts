/** POST /images/create: a pull, or an import. */
import { invalid } from "../../../base/errors.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { mustUnpack } from "../../../engine/images/may-unpack.ts";
import { familiarName, isTag, normalName, parseReference } from "../../../spec/image/reference.ts";
import { jsonLines } from "../answer.ts";
import { registriesFor, withRegistries } from "../credentials.ts";
import { notThere, refusedElsewhere } from "../errors.ts";
import type { Answer, Call } from "../route.ts";
import { platformOption } from "./platform.ts";
import { ProgressLines } from "./progress.ts";

export function createImage(engine: LiveEngine, call: Call): Answer {
  const from = call.query.string("fromImage");
  if (from !== undefined) return pullAnswer(engine, call, from);
  const source = call.query.string("fromSrc");
  if (source === undefined) throw invalid("cannot create an image: wanted fromImage or fromSrc");
  if (source !== "-")
    throw notThere(
      "import from an address is not there: fetch the archive and import it from standard input",
    );
  return importAnswer(engine, call);
}

/** `alpine` and its `tag`, which may be a digest. Without either all tags are meant. */
export function wantedImage(from: string, tag: string | undefined): { name: string; all: boolean } {
  if (tag !== undefined)
    return { name: /^\w+:/.test(tag) ? `${from}@${tag}` : `${withoutTag(from)}:${tag}`, all: false };
  const parsed = parseReference(from);
  const named = parsed.digest !== undefined || /:[^/]*$/.test(from);
  return { name: from, all: !named };
}

function withoutTag(name: string): string {
  const [, tag] = /:([^/:]+)$/.exec(name) ?? [];
  return tag !== undefined && isTag(tag) ? name.slice(0, -tag.length - 1) : name;
}

function pullAnswer(engine: LiveEngine, call: Call, from: string): Answer {
  const { name, all } = wantedImage(from, call.query.string("tag"));
  mustUnpack(`pull image "${name}"`);
  const parts = withRegistries(engine, registriesFor(engine.registries, call, name));
  const options = { ...platformOption(call.query), signal: call.signal };
  return jsonLines(async (line) => {
    const { pull, pullAllTags } = await import("../../../engine/images/pull.ts");
    const lines = new ProgressLines(line, "pull");
    const { onProgress } = lines;
    const given = { ...options, onProgress };
    const pulled = await (
      all ? pullAllTags(parts, name, given) : pull(parts, name, given).then((one) => [one])
    ).catch((error: unknown) => {
      throw refusedElsewhere(error);
    });
    await lines.flush();
    const last = pulled.at(-1);
    if (!last) return;
    await line({ status: `Digest: ${last.image.target.digest}` });
    const short = familiarName(normalName(parseReference(name)));
    const current = pulled.every(({ upToDate }) => upToDate);
    const status = current ? "Image is up to date for" : "Downloaded newer image for";
    await line({ status: `Status: ${status} ${all ? short.replace(/:[^/:]*$/, "") : short}` });
  });
}

function importAnswer(engine: LiveEngine, { query, body, signal }: Call): Answer {
  mustUnpack("import an image");
  const repo = query.string("repo");
  const tag = query.string("tag");
  const reference = repo === undefined || tag === undefined ? repo : `${repo}:${tag}`;
  return jsonLines(async (line) => {
    const { importArchive } = await import("../../../engine/images/import.ts");
    const id = await importArchive(engine, body, {
      reference,
      changes: query.strings("changes"),
      message: query.string("message"),
      ...platformOption(query),
      signal,
    });
    await line({ status: id });
  });
}
