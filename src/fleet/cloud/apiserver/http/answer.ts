/** Writes answers: objects as JSON or YAML, Status, text; packed when that pays. */
import type { ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { stringify } from "yaml";
import { KubeError, type Status } from "../../../../spec/kubernetes/kube.ts";
import { SampanError } from "../../../../base/errors.ts";
import type { Form } from "./accept.ts";
import type { Exchange } from "./exchange.ts";

const pack = promisify(gzip);
/** Below it, packing costs more than it saves; the real server's value. */
const packFrom = 128 << 10;
const waitFrom = 64 << 10;

type Requested = Pick<Exchange, "request" | "response" | "info" | "stuckAfter" | "answers">;

export interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: Uint8Array | string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends a whole answer. Resolves when it is on its way. KubeError `TooManyRequests` for a large one while too many wait for clients that do not take them. */
export async function send(
  { request, response, stuckAfter, answers }: Requested,
  answer: Answer,
): Promise<void> {
  const { code, type, headers = {} } = answer;
  const plain = typeof answer.body === "string" ? Buffer.from(answer.body) : answer.body;
  // What was written is told in any case.
  using _room =
    request.method === "GET" && plain.length >= waitFrom ? roomFor(plain.length, answers) : undefined;
  const packed = plain.length >= packFrom && takesGzip(request.headers["accept-encoding"]);
  const body = packed ? await pack(plain, { level: 1 }) : plain;
  if (response.headersSent || response.destroyed) return;
  if (packed) response.setHeader("Content-Encoding", "gzip");
  if (plain.length >= packFrom) response.appendHeader("Vary", "Accept-Encoding");
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.setHeader("Content-Type", type);
  response.setHeader("Content-Length", body.length);
  response.writeHead(code);
  response.end(request.method === "HEAD" ? undefined : body);
  if (body.length >= waitFrom) await sent(response, stuckAfter);
}

/** One alone may be of any size. */
function roomFor(size: number, answers: Requested["answers"]): Disposable {
  if (answers.used > 0 && answers.used + size > answers.limit)
    throw new KubeError(
      "TooManyRequests",
      "too many large answers wait for their clients, please try again later",
      {
        retryAfterSeconds: 1,
      },
    );
  answers.used += size;
  return { [Symbol.dispose]: () => void (answers.used -= size) };
}

/** A big answer keeps its place among the requests until the client took it, so that those who read nothing cannot fill the memory; one that stands still is given up. */
async function sent(response: ServerResponse, stuckAfter: number): Promise<void> {
  if (response.writableFinished || response.destroyed) return;
  const timer = setTimeout(() => response.destroy(), stuckAfter);
  await new Promise<void>((resolve) => response.once("finish", resolve).once("close", resolve));
  clearTimeout(timer);
}

function takesGzip(header: string | string[] | undefined): boolean {
  return String(header ?? "")
    .split(",")
    .some((each) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(each));
}

/** An object in the wanted syntax. */
export async function sendObject(
  exchange: Requested,
  value: object,
  { form, code = 200 }: { form: Pick<Form, "syntax">; code?: number },
): Promise<void> {
  if (form.syntax === "yaml")
    return await send(exchange, { code, type: "application/yaml", body: toYaml(value) });
  const body = isPretty(exchange) ? `${JSON.stringify(value, null, 2)}\n` : JSON.stringify(value);
  await send(exchange, { code, type: "application/json", body });
}

/** YAML that readers of YAML 1.1 understand as meant: "yes" is quoted. */
function toYaml(value: object): string {
  return stringify(value, {
    version: "1.1",
    aliasDuplicateObjects: false,
    lineWidth: 0,
    sortMapEntries: true,
  });
}

/** Asked for, or asked by a person's program. */
export function isPretty({ request, info }: Pick<Exchange, "request" | "info">): boolean {
  const wanted = info.query.get("pretty");
  if (wanted !== null) return wanted !== "false" && wanted !== "0";
  return /^(?:curl|Wget|Mozilla)\//.test(request.headers["user-agent"] ?? "");
}

export async function sendText(exchange: Requested, code: number, text: string): Promise<void> {
  await send(exchange, {
    code,
    type: "text/plain; charset=utf-8",
    body: text,
    headers: { "X-Content-Type-Options": "nosniff" },
  });
}

/** What is told of an error. What nobody foresaw is an InternalError. */
export function statusOf(error: unknown): Status {
  if (error instanceof KubeError) return error.status;
  const { message } = SampanError.from(error);
  return new KubeError("InternalError", `Internal error occurred: ${message}`, {
    causes: [{ message }],
  }).status;
}

/** Sends a Status; where the answer has begun already, ends the connection. Statuses are JSON, or YAML when only that is taken. */
export async function sendStatus(exchange: Requested, status: Status): Promise<void> {
  const { response, request } = exchange;
  if (response.headersSent) return void response.destroy();
  const after = status.details?.retryAfterSeconds;
  if (after !== undefined) response.setHeader("Retry-After", String(after));
  // What was not read of the body would be taken for the next request.
  if (!request.complete) response.setHeader("Connection", "close");
  const yaml = /^\s*application\/yaml\s*(?:;|$)/i.test(request.headers.accept ?? "");
  await sendObject(exchange, status, { form: { syntax: yaml ? "yaml" : "json" }, code: status.code });
}

/** RFC 7234 5.5: `299 - "text"`. */
export function addWarning(response: ServerResponse, text: string): void {
  if (response.headersSent) return;
  const kept = text.replaceAll(/[^\u0020-\u007e\u00a1-\u00ff]/g, " ").slice(0, 1024);
  response.appendHeader("Warning", `299 - "${kept.replaceAll(/["\\]/g, String.raw`\$&`)}"`);
}
