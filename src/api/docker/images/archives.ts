/** Images as archives: GET /images/get, GET /images/{name}/get and POST /images/load. */
import type { LiveEngine } from "../../../engine/engine.ts";
import { mustUnpack } from "../../../engine/images/may-unpack.ts";
import { familiarName } from "../../../spec/image/reference.ts";
import { bytes, jsonLines } from "../answer.ts";
import type { Answer, Call } from "../route.ts";
import { platformOption } from "./platform.ts";
import { ProgressLines } from "./progress.ts";

/** `format=oci` is ours: the layout alone. */
export async function saveImages(engine: LiveEngine, call: Call, names: readonly string[]): Promise<Answer> {
  const { save } = await import("../../../engine/images/save.ts");
  const format = call.query.string("format") === "oci" ? "oci" : "docker";
  return bytes(
    "application/x-tar",
    save(engine, names, { ...platformOption(call.query), format, signal: call.signal }),
  );
}

export function loadImages(engine: LiveEngine, { query, body, signal }: Call): Answer {
  mustUnpack("load images");
  return jsonLines(async (line) => {
    const { load } = await import("../../../engine/images/load.ts");
    const lines = new ProgressLines(line, "load");
    const quiet = query.bool("quiet");
    const names = await load(engine, body, {
      ...platformOption(query),
      signal,
      ...(quiet ? {} : { onProgress: lines.onProgress }),
    });
    await lines.flush();
    for (const name of names)
      await line({
        stream: name.startsWith("sha256:")
          ? `Loaded image ID: ${name}\n`
          : `Loaded image: ${familiarName(name)}\n`,
      });
  });
}
