/** Images. */
import { invalid } from "../../../base/errors.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { empty, json } from "../answer.ts";
import { route, type Call, type Route } from "../route.ts";
import { loadImages, saveImages } from "./archives.ts";
import { commitAnswer } from "./commit.ts";
import { inspectDistribution } from "./distribution.ts";
import { inspectImage, listImages } from "./list.ts";
import { createImage } from "./pull.ts";
import { pushImage } from "./push.ts";
import { searchImages } from "./search.ts";

export function imageRoutes(engine: LiveEngine): Route[] {
  return [
    route("GET", "/images/json", (call) => listImages(engine, call)),
    route("GET", "/images/search", (call) => searchImages(engine, call)),
    route("GET", "/images/get", (call) => saveImages(engine, call, call.query.strings("names"))),
    route("POST", "/images/create", (call) => createImage(engine, call)),
    route("POST", "/images/load", (call) => loadImages(engine, call)),
    route("POST", "/images/prune", (call) => prune(engine, call)),
    route("GET", "/images/{name*}/get", (call) => saveImages(engine, call, [call.param("name")])),
    route("GET", "/images/{name*}/history", (call) => history(engine, call)),
    route("GET", "/images/{name*}/json", (call) => inspectImage(engine, call)),
    route("POST", "/images/{name*}/push", (call) => pushImage(engine, call)),
    route("POST", "/images/{name*}/tag", (call) => tag(engine, call)),
    route("DELETE", "/images/{name*}", (call) => remove(engine, call)),
    route("POST", "/commit", (call) => commitAnswer(engine, call)),
    route("GET", "/distribution/{name*}/json", (call) => inspectDistribution(engine, call)),
  ];
}

async function history(engine: LiveEngine, { param }: Call) {
  const { imageHistory } = await import("../../../engine/images/history.ts");
  return json(await imageHistory(engine, param("name")));
}

async function tag(engine: LiveEngine, { param, query }: Call) {
  const repo = query.string("repo");
  if (repo === undefined) throw invalid("cannot tag an image: wanted the parameter repo");
  const { tagImage } = await import("../../../engine/images/tag.ts");
  const word = query.string("tag");
  tagImage(engine, param("name"), word === undefined ? repo : `${repo}:${word}`);
  return empty(201);
}

async function remove(engine: LiveEngine, { param, query, signal }: Call) {
  const { removeImage } = await import("../../../engine/images/remove.ts");
  const options = { force: query.bool("force"), prune: !query.bool("noprune"), signal };
  return json(await removeImage(engine, param("name"), options));
}

async function prune(engine: LiveEngine, { query, signal }: Call) {
  const { pruneImages } = await import("../../../engine/images/prune.ts");
  const { deleted, reclaimed } = await pruneImages(engine, { filters: query.filters(), signal });
  return json({ ImagesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed });
}
