/** HEAD, GET and PUT /containers/{id}/archive: docker cp. */
import { invalid, SampanError } from "../../../base/errors.ts";
import { readArchive, statPath, writeArchive, type PathStat } from "../../../engine/containers/copy.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { bytes, empty } from "../answer.ts";
import type { Answer, Call, Headers } from "../route.ts";
import { findContainer } from "./find.ts";

export async function statArchive(engine: LiveEngine, call: Call): Promise<Answer> {
  const { id, path } = asked(engine, call);
  return empty(200, headersOf(await worded(call, statPath(engine, id, path, { signal: call.signal }))));
}

export async function getArchive(engine: LiveEngine, call: Call): Promise<Answer> {
  const { id, path } = asked(engine, call);
  const { stat, archive } = await worded(call, readArchive(engine, id, path, { signal: call.signal }));
  return bytes("application/x-tar", archive, headersOf(stat));
}

export async function putArchive(engine: LiveEngine, call: Call): Promise<Answer> {
  const { id, path } = asked(engine, call);
  const { query, body, signal } = call;
  const options = {
    keepFolders: query.bool("noOverwriteDirNonDir"),
    owner: query.bool("copyUIDGID"),
    signal,
  };
  await worded(call, writeArchive(engine, id, { path, archive: body, ...options }));
  return empty(200);
}

function asked(engine: LiveEngine, { param, query }: Call): { id: string; path: string } {
  const { id } = findContainer(engine, param("id"));
  const path = query.string("path");
  if (path === undefined) throw invalid("bad parameter: path cannot be empty");
  if (path.includes("\0")) throw invalid("bad parameter: path holds a NUL byte");
  return { id, path };
}

/** dockerd's words for what is not there. */
async function worded<Result>({ param, query }: Call, call: Promise<Result>): Promise<Result> {
  try {
    return await call;
  } catch (error) {
    const { code, message } = SampanError.from(error);
    // An archive that is damaged is the client's.
    if (code === "data_loss") throw new SampanError("invalid_argument", message, { cause: error });
    if (code !== "not_found") throw error;
    throw new SampanError(
      "not_found",
      `Could not find the file ${query.string("path")} in container ${param("id")}`,
      { cause: error },
    );
  }
}

function headersOf({ name, size, mode, modified, linkTarget }: PathStat): Headers {
  const stat = { name, size, mode: goMode(mode), mtime: modified, linkTarget };
  return {
    "X-Docker-Container-Path-Stat": Buffer.from(JSON.stringify(stat)).toString("base64"),
  };
}

/** From st_mode to io/fs.FileMode of Go, which the API took for its own: the type in the upper bits. */
const types: Readonly<Record<number, number>> = {
  0o040000: 2 ** 31,
  0o120000: 2 ** 27,
  0o060000: 2 ** 26,
  0o020000: 2 ** 26 + 2 ** 21,
  0o010000: 2 ** 25,
  0o140000: 2 ** 24,
};
const special: readonly (readonly [bit: number, go: number])[] = [
  [0o4000, 2 ** 23],
  [0o2000, 2 ** 22],
  [0o1000, 2 ** 20],
];

export function goMode(mode: number): number {
  const bits = special.reduce((sum, [bit, go]) => sum + ((mode & bit) === 0 ? 0 : go), 0);
  return (types[mode & 0o170000] ?? 0) + bits + (mode & 0o777);
}
