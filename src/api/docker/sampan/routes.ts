/** What Docker's API has not: endpoints of our own, below /sampan. */
import { invalid } from "../../../base/errors.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { json, jsonLines } from "../answer.ts";
import { saveImages } from "../images/archives.ts";
import { platformOf } from "../images/platform.ts";
import { route, type Answer, type Call, type Route } from "../route.ts";
import { pruneAll, prunePlan } from "./prune.ts";

export function sampanRoutes(engine: LiveEngine): Route[] {
  return [
    route("GET", "/sampan/images/diff", (call) => diff(engine, call)),
    route("GET", "/sampan/images/get", (call) => saveImages(engine, call, call.query.strings("names"))),
    route("GET", "/sampan/system/df", () => usage(engine)),
    route("GET", "/sampan/system/audit", (call) => findings(engine, call)),
    route("POST", "/sampan/system/audit", (call) => findings(engine, call, call.query.bool("repair"))),
    route("GET", "/sampan/system/prune", async (call) =>
      json(await prunePlan(engine, call.query.bool("all"))),
    ),
    route("POST", "/sampan/system/prune", async ({ query, signal }) =>
      json(await pruneAll(engine, { all: query.bool("all"), signal })),
    ),
    route("POST", "/sampan/system/check", (call) => checkAnswer(engine, call)),
  ];
}

/** Of images that were loaded for keeping only, the layers are unpacked first. */
async function diff(engine: LiveEngine, { query, signal }: Call): Promise<Answer> {
  const [a, b] = [query.string("a"), query.string("b")];
  if (a === undefined || b === undefined)
    throw invalid("cannot compare images: wanted the parameters a and b");
  const { ensureUnpacked } = await import("../../../engine/images/ensure.ts");
  const { diffImages } = await import("../../../engine/images/diff.ts");
  const platform = platformOf(query);
  for (const reference of [a, b])
    await ensureUnpacked(engine, engine.images.get(reference, platform), { signal });
  return json(await diffImages(engine, a, b, { platform, signal }));
}

async function usage(engine: LiveEngine): Promise<Answer> {
  const { diskUsage } = await import("../../../engine/disk/usage.ts");
  return json(await diskUsage(engine));
}

async function findings(engine: LiveEngine, { signal }: Call, repair = false): Promise<Answer> {
  const { audit } = await import("../../../engine/audit/audit.ts");
  return json(await audit(engine, { repair, signal }));
}

/** A line for each step; the last one has the findings. */
function checkAnswer(engine: LiveEngine, { query, signal }: Call): Answer {
  return jsonLines(async (line) => {
    const { check } = await import("../../../engine/disk/check.ts");
    const { compareWithLayer, fetchPart, renewSnapshot } = await import("../../../engine/images/renew.ts");
    // Each in its turn.
    let sent: Promise<void> = Promise.resolve();
    const problems = await check(engine, {
      repair: query.bool("repair"),
      deep: query.bool("deep"),
      compareSnapshot: ({ key }) => compareWithLayer(engine, key, signal),
      fetchBlob: (digest) => fetchPart(engine, digest, signal),
      renewSnapshot: ({ key }) => renewSnapshot(engine, key, { signal }),
      signal,
      onProgress: (text) => {
        sent = sent.then(() => line({ id: "check", status: text, progressDetail: {} }));
        sent.catch(() => {});
      },
    });
    await sent;
    await line({ aux: { problems } });
  });
}
