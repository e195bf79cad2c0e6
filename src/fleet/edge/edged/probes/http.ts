/** httpGet. By node:http, which asks no proxy of the environment; certificates are not looked at, since a pod has none that anybody signed. */
import { request as plain, type IncomingMessage, type RequestOptions } from "node:http";
import { request as secure } from "node:https";
import { isIP } from "node:net";
import { invalid } from "../../../../base/errors.ts";
import { version } from "../../../../base/version.ts";
import type { HttpGet } from "../../../../spec/kubernetes/pod.ts";
import { shown } from "../pod-error.ts";
import { failure, success, type ActionResult } from "./result.ts";

export interface HttpPlace {
  readonly host: string;
  readonly port: number;
  readonly signal: AbortSignal;
}

/** What is read of a body, for the event. */
const mostBody = 10 << 10;
const mostRedirects = 10;

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

/** 200 to 399 is success. A redirect is followed on the same host; one to another host is not, and is success. */
export async function lookByHttp(get: HttpGet, place: HttpPlace): Promise<ActionResult> {
  let url = urlOf(get, place);
  const headers = headersOf(get);
  for (let redirects = 0; ; redirects++) {
    const answer = await ask(url, headers, place.signal);
    if (answer instanceof Error) return failure(messageOf(answer, url, place.signal));
    const { status, location, body } = answer;
    const isRedirect = status >= 300 && status < 400 && location !== undefined;
    const next = isRedirect ? follow(location, url) : undefined;
    if (!next) {
      if (status >= 200 && status < 400) return success(body.slice(0, 1000));
      return failure(`HTTP probe failed with statuscode: ${status}`);
    }
    if (redirects === mostRedirects) return failure(`stopped after ${mostRedirects} redirects`);
    url = next;
  }
}

function urlOf({ path = "/", scheme = "HTTP" }: HttpGet, { host, port }: HttpPlace): URL {
  const known = { HTTP: "http:", HTTPS: "https:" } as const;
  const protocol = Object.hasOwn(known, scheme.toUpperCase())
    ? known[scheme.toUpperCase() as "HTTP"]
    : undefined;
  if (!protocol) throw invalid(`cannot use scheme ${shown(scheme)}: wanted HTTP or HTTPS`);
  const name = isIP(host) === 6 ? `[${host}]` : host;
  const base = URL.canParse(`${protocol}//${name}:${port}`)
    ? new URL(`${protocol}//${name}:${port}`)
    : undefined;
  // A host with a path or a user in it would be another place than it seems.
  if (!base || base.pathname !== "/" || base.username !== "" || base.search !== "")
    throw invalid(`cannot use host ${shown(host)}: it is no name or address`);
  const [before = "", query] = path.split("#", 1)[0]?.split(/\?(.*)/s) ?? [];
  base.pathname = before.startsWith("/") ? before : `/${before}`;
  base.search = query ?? "";
  return base;
}

/** Names and values that would end a header are refused by node:http. One that is there twice is sent twice. */
function headersOf({ httpHeaders = [] }: HttpGet): Record<string, string[] | string> {
  const headers: Record<string, string[]> = {};
  for (const { name, value } of httpHeaders.slice(0, 100)) (headers[name.toLowerCase()] ??= []).push(value);
  const single = Object.entries(headers).map(([name, values]) => [
    name,
    values.length === 1 ? (values[0] ?? "") : values,
  ]);
  return {
    "user-agent": `kube-probe/sampan-${version}`,
    accept: "*/*",
    connection: "close",
    ...Object.fromEntries(single),
  };
}

function follow(location: string, from: URL): URL | undefined {
  if (!URL.canParse(location, from.href)) return undefined;
  const next = new URL(location, from.href);
  return next.hostname === from.hostname && /^https?:$/.test(next.protocol) ? next : undefined;
}

async function ask(
  url: URL,
  headers: RequestOptions["headers"],
  signal: AbortSignal,
): Promise<Answer | Error> {
  const { promise, resolve } = Promise.withResolvers<Answer | Error>();
  const send = url.protocol === "https:" ? secure : plain;
  const request = send(url, {
    method: "GET",
    headers: headers ?? {},
    agent: false,
    signal,
    ...(url.protocol === "https:" && { rejectUnauthorized: false }),
  });
  request.on("error", resolve);
  request.on("response", (response) => void read(response).then(resolve, resolve));
  // The signal may abort without an error when the answer has begun.
  const end = () => {
    resolve(new Error("timed out"));
  };
  signal.addEventListener("abort", end, { once: true });
  request.end();
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", end);
    request.destroy();
  }
}

async function read(response: IncomingMessage): Promise<Answer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    pieces.push(piece.subarray(0, mostBody - length));
    length += piece.length;
    if (length >= mostBody) break;
  }
  const { location } = response.headers;
  return { status: response.statusCode ?? 0, location, body: Buffer.concat(pieces).toString("utf8") };
}

function messageOf(error: Error, url: URL, signal: AbortSignal): string {
  const why = signal.aborted ? "timed out" : ((error as NodeJS.ErrnoException).code ?? error.message);
  return `Get ${shown(url.href)}: ${why}`;
}
