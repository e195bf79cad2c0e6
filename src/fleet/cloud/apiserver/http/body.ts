/** A request's body: read within bounds, and understood as JSON or YAML. */
import type { IncomingMessage } from "node:http";
import { type Document, LineCounter, parseDocument, type Tags } from "yaml";
import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import { decodeProtobuf } from "../protobuf/decode.ts";
import { definitions } from "../types/definitions.ts";
import { parseMediaType } from "./accept.ts";
import { checkSize, scanJson } from "./json-scan.ts";
import { scanYaml } from "./yaml-scan.ts";

/** As the real server's limit of a request. */
export const maxBody = 3 << 20;

/** Counts the bytes of all bodies that are being read, so that many at once cannot fill the memory. */
export interface BodyBudget {
  used: number;
  readonly limit: number;
}

export interface BodyReading {
  readonly budget: BodyBudget;
  readonly signal: AbortSignal;
  /** In milliseconds. */
  readonly deadline?: number;
}

const usualDeadline = 60_000;

/** Of a body that is refused so much is read and dropped: a client that is cut off while it sends may not see the answer. */
const maxDropped = 8 << 20;

/** All of the body. KubeError `RequestEntityTooLarge` beyond 3 MiB, `TooManyRequests` when too many are being read; a connection whose body does not come within a minute is ended. */
export async function readBody(request: IncomingMessage, reading: BodyReading): Promise<Buffer> {
  const { signal, deadline = usualDeadline } = reading;
  const coding = request.headers["content-encoding"] ?? "identity";
  if (coding.toLowerCase() !== "identity")
    throw new KubeError("UnsupportedMediaType", `the body's content encoding ${coding} is not supported`);
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > maxBody + maxDropped) throw tooLarge();
  const stop = () => void request.destroy();
  signal.addEventListener("abort", stop, { once: true });
  const timer = setTimeout(stop, deadline);
  try {
    return await gather(request, reading.budget);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

async function gather(request: IncomingMessage, budget: BodyBudget): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let refusal: KubeError | undefined;
  let [size, kept] = [0, 0];
  const drop = () => {
    budget.used -= kept;
    kept = chunks.length = 0;
  };
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBody) refusal ??= tooLarge();
      else if (budget.used + chunk.length > budget.limit) refusal ??= tooMany();
      if (size > maxBody + maxDropped) break;
      if (refusal) drop();
      else {
        chunks.push(chunk);
        kept += chunk.length;
        budget.used += chunk.length;
      }
    }
    if (refusal) throw refusal;
    return Buffer.concat(chunks);
  } catch (error) {
    // The client went away; it is no fault of ours, though nobody reads the answer.
    if (error instanceof KubeError) throw error;
    throw new KubeError("BadRequest", "the body of the request ended too early", undefined, { cause: error });
  } finally {
    drop();
  }
}

const tooMany = () =>
  new KubeError("TooManyRequests", "too many large requests, please try again later", {
    retryAfterSeconds: 1,
  });

const tooLarge = () =>
  new KubeError("RequestEntityTooLarge", `Request entity too large: limit is ${maxBody}`);

export interface Parsed {
  readonly value: unknown;
  /** Paths of fields that were given twice: the later one counts. */
  readonly duplicates: readonly string[];
}

const syntaxes: ReadonlyMap<string, "json" | "yaml"> = new Map([
  ["", "json"],
  ["application/json", "json"],
  ["application/yaml", "yaml"],
  ["text/yaml", "yaml"],
  ["application/x-yaml", "yaml"],
]);

/** The media type of a request's body in lower case, `""` for none. */
export function contentTypeOf(request: IncomingMessage): string {
  return parseMediaType(request.headers["content-type"] ?? "").type;
}

export function unsupported(accepted: readonly string[]): KubeError {
  return new KubeError(
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`,
  );
}

/** What Go's clients send where they have types of their own for a kind. */
const protobuf = "application/vnd.kubernetes.protobuf";

/** An object's body by its content type. KubeError `UnsupportedMediaType`, `BadRequest`. */
export function parseBody(bytes: Buffer, contentType: string): Parsed {
  const syntax = syntaxes.get(contentType);
  if (contentType === protobuf) {
    const value = decodeProtobuf(bytes, definitions);
    checkSize(value, maxBody);
    return { value, duplicates: [] };
  }
  if (!syntax) throw unsupported(["application/json", "application/yaml"]);
  return syntax === "json" ? parseJson(bytes) : parseYaml(bytes);
}

export function parseJson(bytes: Buffer): Parsed {
  const text = bytes.toString("utf8");
  const duplicates = scanJson(text);
  try {
    return { value: JSON.parse(text), duplicates };
  } catch (error) {
    throw unreadable("JSON", error);
  }
}

/**
 * YAML as Kubernetes' tools read it: YAML 1.1's yes, no, on, off are booleans and 0755 is octal, but dates, times in base 60, sets and binaries stay strings.
 */
export function parseYaml(bytes: Buffer): Parsed {
  const text = bytes.toString("utf8");
  const json = asJson(bytes, text);
  if (json) return json;
  let document: Document.Parsed;
  try {
    scanYaml(text);
    document = parseDocument(text, {
      version: "1.1",
      customTags: (tags) => tags.filter(isPlain),
      uniqueKeys: false,
      lineCounter: new LineCounter(),
      logLevel: "silent",
    });
    const [problem] = document.errors;
    if (problem) throw problem;
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    // Aliases make much out of little.
    checkSize(value, maxBody);
    return { value, duplicates: [] };
  } catch (error) {
    throw error instanceof KubeError ? error : unreadable("YAML", error);
  }
}

/** JSON is YAML too, and what most clients send as YAML; read as such it costs next to nothing. */
function asJson(bytes: Buffer, text: string): Parsed | undefined {
  if (!/^\s*\{\s*["}]/.test(text)) return undefined;
  try {
    return parseJson(bytes);
  } catch {
    return undefined;
  }
}

const exotic = new Set(
  ["binary", "omap", "pairs", "set", "timestamp"].map((tag) => `tag:yaml.org,2002:${tag}`),
);

function isPlain(tag: Tags[number]): boolean {
  return typeof tag === "string" || !(("format" in tag && tag.format === "TIME") || exotic.has(tag.tag));
}

function unreadable(syntax: string, error: unknown): KubeError {
  const why = error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : String(error);
  return new KubeError("BadRequest", `the body of the request is no ${syntax}: ${why}`, undefined, {
    cause: error,
  });
}
