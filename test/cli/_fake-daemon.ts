/** A daemon that makes nothing and remembers what it was asked to make; for command lines of both sides. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface FakeDaemon extends AsyncDisposable {
  readonly host: string;
  /** What came since it was last asked: the queries and bodies of creations. */
  readonly taken: () => { readonly query: Readonly<Record<string, string>>; readonly body: unknown }[];
}

export async function fakeDaemon(): Promise<FakeDaemon> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-fake-"));
  let taken: { query: Record<string, string>; body: unknown }[] = [];
  const server = createServer((request, answer) => {
    const url = new URL(request.url ?? "/", "http://fake");
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      answer.setHeader("Api-Version", "1.51");
      answer.setHeader("Ostype", "linux");
      answer.setHeader("Content-Type", "application/json");
      if (url.pathname.endsWith("/containers/create")) {
        const body = JSON.parse(Buffer.concat(parts).toString()) as unknown;
        taken.push({ query: Object.fromEntries(url.searchParams), body });
        answer.writeHead(201).end(JSON.stringify({ Id: "a".repeat(64), Warnings: [] }));
      } else if (url.pathname.endsWith("/start")) answer.writeHead(204).end();
      else if (url.pathname.endsWith("/wait")) answer.end('{"StatusCode":0}');
      else if (url.pathname.endsWith("/_ping")) answer.end("OK");
      else answer.end("{}");
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(join(folder, "s"), resolve);
  await promise;
  return {
    host: `unix://${join(folder, "s")}`,
    taken: () => {
      const found = taken;
      taken = [];
      return found;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Without what says nothing: empty values, and the values that docker writes where nothing was asked. */
export function said(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(said);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value)
    .map(
      ([key, each]) =>
        [key, keep(key, each) ? each : said(key === "Binds" || key === "Env" ? sorted(each) : each)] as const,
    )
    .filter(([key, each]) => keep(key, each) || !isNothing(key, each))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(kept);
}

/** Data of the person's own: an empty value in them is one. */
const data = new Set([
  "Labels",
  "Config",
  "Options",
  "Sysctls",
  "Annotations",
  "Tmpfs",
  "StorageOpt",
  "ExposedPorts",
  "Volumes",
  "MaskedPaths",
  "ReadonlyPaths",
]);
const open = new Set(["Init"]);
const usual: Readonly<Record<string, unknown>> = {
  MemorySwappiness: -1,
  NetworkMode: "default",
};

function keep(key: string, value: unknown): boolean {
  if (open.has(key)) return value !== null;
  // Empty lists of paths mean none at all; null means the usual ones.
  if (key === "MaskedPaths" || key === "ReadonlyPaths") return value !== null;
  return data.has(key) && typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function isNothing(key: string, value: unknown): boolean {
  if (key === "ConsoleSize" || Object.is(usual[key], value)) return true;
  if (key === "RestartPolicy" && (value as { Name?: string }).Name === "no") return true;
  if (value === null || value === false || value === 0 || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Docker gives them in no order. */
function sorted(list: unknown): unknown {
  return Array.isArray(list) ? list.toSorted((a: string, b: string) => (a < b ? -1 : 1)) : list;
}
