/** The same questions to dockerd and to us: the same statuses, and of each answer the same fields with values of the same kind. Ours may have more, as newer daemons have. */
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDockerd } from "../counterparts/dockerd.ts";
import { makeArchive } from "../counterparts/image.ts";
import { needing } from "../needs.ts";
import { servedEngine } from "./engine.ts";

const { test } = needing({ root: true, programs: ["dockerd", "containerd", "docker", "busybox"] });
setDefaultTimeout(60_000);

/** What a map's keys are names in, so that they are no fields. */
const maps = new Set([
  "Labels",
  "Options",
  "Runtimes",
  "IndexConfigs",
  "Details",
  "Attributes",
  "Data",
  "Containers",
]);

type Shape = string | { readonly [field: string]: Shape };

function shapeOf(value: unknown, field = ""): Shape {
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length > 0 ? { each: shapeOf(value[0]) } : "list";
  if (typeof value !== "object" || maps.has(field)) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shapeOf(each, name)]));
}

/** Paths of what `theirs` has and `ours` has not, or has of another kind. Null and an empty list say nothing of the kind. */
function lacking(theirs: Shape, ours: Shape | undefined, path = ""): string[] {
  if (ours === undefined) return [path];
  if (theirs === "null" || ours === "null") return [];
  if (typeof theirs === "string" || typeof ours === "string") {
    const lists = [theirs, ours].every(
      (each) => each === "list" || (typeof each === "object" && "each" in each),
    );
    return lists || theirs === ours ? [] : [`${path}: ${JSON.stringify(ours)} for ${JSON.stringify(theirs)}`];
  }
  return Object.entries(theirs).flatMap(([name, each]) => lacking(each, ours[name], `${path}.${name}`));
}

type Ask = (method: string, path: string, body?: unknown) => Promise<{ status: number; text: string }>;

function asker(socket: string): Ask {
  return async (method, path, body) => {
    const plain = body instanceof Uint8Array;
    const answer = await fetch(`http://docker/v1.41${path}`, {
      unix: socket,
      method,
      ...(body === undefined ? {} : { body: plain ? body : JSON.stringify(body) }),
      ...(body === undefined || plain ? {} : { headers: { "Content-Type": "application/json" } }),
    } as RequestInit);
    return { status: answer.status, text: await answer.text() };
  };
}

let theirs: Ask;
let ours: Ask;
const stack = new AsyncDisposableStack();

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "sampan-shapes-"));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const dockerd = stack.use(await startDockerd());
  theirs = asker(dockerd.command()[2]?.replace("unix://", "") ?? "");
  ours = asker(stack.use(await servedEngine()).socket);
  const archive = await Bun.file(await makeArchive(folder)).bytes();
  for (const ask of [theirs, ours])
    expect((await ask("POST", "/images/create?fromSrc=-&repo=box&tag=latest", archive)).status).toBe(200);
});
afterAll(() => stack.disposeAsync());

/** In this order: some make what the next ask for. */
const questions: readonly (readonly [string, string, unknown?])[] = [
  ["GET", "/version"],
  ["GET", "/info"],
  ["GET", "/images/json"],
  ["GET", "/images/box/json"],
  ["GET", "/images/box/history"],
  ["GET", "/images/nothing/json"],
  ["GET", "/images/nothing/history"],
  ["GET", '/images/json?filters={"x":["y"]}'],
  ["POST", "/images/box/tag?repo=other&tag=1"],
  ["DELETE", "/images/other:1"],
  ["DELETE", "/images/nothing"],
  ["POST", "/images/create?fromImage=UPPER&tag=1"],
  ["POST", "/images/prune"],
  ["POST", "/volumes/create", { Name: "vol", Labels: { a: "b" } }],
  ["GET", "/volumes"],
  ["GET", "/volumes/vol"],
  ["GET", "/volumes/nothing"],
  ["GET", "/system/df"],
  ["DELETE", "/volumes/vol"],
  ["DELETE", "/volumes/vol"],
  ["POST", "/volumes/prune"],
  ["POST", "/volumes/create", "not an object"],
  ["GET", "/networks"],
  ["GET", "/networks/host"],
  ["GET", "/networks/nothing"],
  ["DELETE", "/networks/host"],
  ["DELETE", "/networks/nothing"],
  ["POST", "/networks/prune"],
  ["POST", "/build/prune"],
  ["GET", "/swarm"],
  ["GET", "/nodes"],
  ["GET", "/services"],
  ["GET", "/secrets/x"],
  ["POST", "/swarm/leave"],
  ["GET", "/plugins"],
  ["GET", "/plugins/x/json"],
  ["GET", "/nowhere"],
];

for (const [method, path, body] of questions)
  test(`${method} ${path}`, async () => {
    const [wanted, given] = [await theirs(method, path, body), await ours(method, path, body)];
    expect(given.status).toBe(wanted.status);
    const read = (text: string) => (text.trim() === "" ? "nothing" : shapeOf(JSON.parse(text)));
    expect(lacking(read(wanted.text), read(given.text))).toEqual([]);
  });
