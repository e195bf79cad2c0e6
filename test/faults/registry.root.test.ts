/** A registry that stalls, lies, resets in the middle or serves another digest: a clear error, nothing half-made, and the next try works. */
// deadline: 400 s
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SampanError, type Code } from "../../src/base/errors.ts";
import { pull } from "../../src/engine/images/pull.ts";
import { needing } from "../needs.ts";
import { openSmallEngine } from "../power-cut/_engine.ts";
import { image } from "../power-cut/_images.ts";
import { answer, serve, type Asked, type SmallRegistry } from "../power-cut/_registry.ts";
import { faults, leftovers, treesOf, type Trees } from "../power-cut/_state.ts";

const { test } = needing({ root: true });
let scratch = "";
let registry: SmallRegistry;
let trees: Trees;
let count = 0;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "sampan-registry-"));
  registry = await serve({ "app:1": image(1), "app:2": image(2) });
  await using engine = await openSmallEngine(folder());
  await pull(engine, `${registry.host}/app:1`);
  await pull(engine, `${registry.host}/app:2`);
  trees = treesOf(engine);
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

function folder(): string {
  const root = join(scratch, String(++count));
  mkdirSync(root, { mode: 0o700 });
  return root;
}

type Spoil = (asked: Asked, response: ServerResponse) => void;
type Part = "manifest" | "config" | "layer";

const half = ({ blob }: Asked) =>
  (blob?.bytes ?? new Uint8Array(0)).subarray(0, (blob?.bytes.length ?? 0) / 2);
const head = ({ blob, kind }: Asked, length = blob?.bytes.length ?? 0) => ({
  "Content-Type": kind === "manifest" ? (blob?.descriptor.mediaType ?? "") : "application/octet-stream",
  "Content-Length": length,
});

const spoils: Readonly<Record<string, Spoil>> = {
  "never answers": () => {},
  "stalls in the middle": (asked, response) => {
    response.writeHead(200, head(asked));
    response.write(half(asked));
  },
  "resets in the middle": (asked, response) => {
    response.writeHead(200, head(asked));
    response.write(half(asked), () => response.socket?.resetAndDestroy());
  },
  "sends other bytes of the same length": (asked, response) => {
    response.writeHead(200, head(asked)).end(asked.blob?.bytes.map((byte) => byte ^ 1));
  },
  "sends too little and says so": (asked, response) => {
    const bytes = half(asked);
    response.writeHead(200, head(asked, bytes.length)).end(bytes);
  },
  "sends too much": (asked, response) => {
    const bytes = Buffer.concat([asked.blob?.bytes ?? new Uint8Array(0), new Uint8Array(5000)]);
    response.writeHead(200, head(asked, bytes.length)).end(bytes);
  },
  "sends nothing": (asked, response) => {
    response.writeHead(200, head(asked, 0)).end();
  },
  "has not got it": (_asked, response) => {
    response.writeHead(404).end();
  },
  "is broken": (_asked, response) => {
    response.writeHead(500).end("no");
  },
  "sends its caller in a circle": (asked, response) => {
    response.writeHead(307, { Location: `/v2/app/${asked.kind}s/${asked.reference}` }).end();
  },
};

const parts: Readonly<Record<Part, (asked: Asked) => boolean>> = {
  manifest: ({ kind }) => kind === "manifest",
  config: ({ blob }) => blob?.descriptor.mediaType.includes("config") ?? false,
  layer: ({ blob, kind }) => kind === "blob" && !(blob?.descriptor.mediaType.includes("config") ?? false),
};

const clear: ReadonlySet<Code> = new Set([
  "unavailable",
  "data_loss",
  "deadline_exceeded",
  "not_found",
  "invalid_argument",
]);

/** What is wrong with one pull from one such registry; nothing when all is as it should be. */
async function tried(spoil: Spoil, isPart: (asked: Asked) => boolean): Promise<string[]> {
  await using bad = await serve({ "app:1": image(1), "app:2": image(2) });
  await using engine = await openSmallEngine(folder(), "unprobed");
  const names = () => engine.images.list().flatMap((found) => found.names);
  await pull(engine, `${bad.host}/app:1`);
  bad.spoil = (asked, response) => {
    if (asked.method !== "GET" || !isPart(asked)) return false;
    spoil(asked, response);
    return true;
  };
  const error = await pull(engine, `${bad.host}/app:2`).catch((thrown: unknown) => thrown);
  bad.spoil = undefined;
  const wrong: string[] = [];
  if (!(error instanceof SampanError) || !clear.has(error.code))
    wrong.push(`no clear error: ${String(error)}`);
  else if (!error.message.startsWith(`cannot pull image "${bad.host}/app:2": `)) wrong.push(error.message);
  if (names().join() !== `${bad.host}/app:1`) wrong.push(`there is ${names().join()}`);
  wrong.push(...(await faults(engine, trees)));
  await pull(engine, `${bad.host}/app:2`);
  wrong.push(...(await faults(engine, trees)), ...(await leftovers(engine)));
  return wrong;
}

for (const [part, isPart] of Object.entries(parts))
  test(`a registry that goes wrong when the ${part} is asked for`, async () => {
    // All at once: most of their time they wait.
    const wrong = await Promise.all(
      Object.entries(spoils).map(async ([what, spoil]) =>
        (await tried(spoil, isPart)).map((line) => `a registry that ${what}: ${line}`),
      ),
    );
    expect(wrong.flat()).toEqual([]);
  }, 120_000);

test("a tag whose manifest has another digest than the registry says", async () => {
  await using engine = await openSmallEngine(folder(), "unprobed");
  registry.spoil = (asked, response) => {
    if (asked.method !== "HEAD") return false;
    answer({ ...asked, blob: image(2).manifest }, response);
    return true;
  };
  await pull(engine, `${registry.host}/app:1`).catch(() => undefined);
  registry.spoil = undefined;
  // What the digest says is what there is, whichever of the two it was.
  expect(await faults(engine, trees)).toEqual([]);
  await pull(engine, `${registry.host}/app:1`);
  const there = engine.images.get(`${registry.host}/app:1`);
  expect(there.manifest.digest).toBe(image(1).manifest.descriptor.digest);
  expect(await faults(engine, trees)).toEqual([]);
});
