/** Tags and searches: distribution specification 1.1, "Listing Tags", and Docker's v1 search. */
import type { Client } from "./_client.ts";
import { SampanError } from "../../base/errors.ts";
import { isTag } from "../../spec/image/reference.ts";
import { shown } from "./_exchange.ts";

export interface Found {
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly official: boolean;
}

const mostPage = 4 * 1024 * 1024;
const mostPages = 1000;
const pageSize = 1000;

export async function listTags(
  client: Client,
  call: { repository: string; scopes: readonly string[]; tries?: number; signal?: AbortSignal | undefined },
): Promise<string[]> {
  const tags: string[] = [];
  for await (const page of pages(client, `/v2/${call.repository}/tags/list?n=${pageSize}`, call))
    tags.push(...texts(page["tags"]).filter(isTag));
  return [...new Set(tags)];
}

/** v1 where it is there, else the names of the catalog that hold the term. */
export async function searchNames(
  client: Client,
  { term, limit, signal }: { term: string; limit: number; signal?: AbortSignal | undefined },
): Promise<Found[]> {
  const query = new URLSearchParams({ q: term, n: String(limit) });
  const answer = await client.send({
    method: "GET",
    target: `/v1/search?${query.toString()}`,
    expect: [200, 404, 405],
    signal,
  });
  if (answer.status === 200) {
    const results = objectOf(await answer.bytes(mostPage), answer.url)["results"];
    return (Array.isArray(results) ? results : []).slice(0, limit).flatMap(foundOf);
  }
  await answer.drop();
  return await searchCatalog(client, { term, limit, signal });
}

async function searchCatalog(
  client: Client,
  { term, limit, signal }: { term: string; limit: number; signal: AbortSignal | undefined },
): Promise<Found[]> {
  const found: Found[] = [];
  const scopes = ["registry:catalog:*"];
  for await (const page of pages(client, `/v2/_catalog?n=${pageSize}`, { scopes, signal })) {
    const names = texts(page["repositories"]).filter((name) => name.includes(term));
    found.push(...names.map((name) => ({ name, description: "", stars: 0, official: false })));
    if (found.length >= limit) break;
  }
  return found.slice(0, limit);
}

async function* pages(
  client: Client,
  first: string,
  call: { scopes: readonly string[]; tries?: number; signal?: AbortSignal | undefined },
): AsyncGenerator<Record<string, unknown>> {
  let target: string | URL = first;
  for (let page = 0; page < mostPages; page++) {
    const { answer, bytes } = await client.read(
      {
        method: "GET",
        target,
        expect: [200],
        scopes: call.scopes,
        signal: call.signal,
        ...(call.tries === undefined ? {} : { tries: call.tries }),
      },
      mostPage,
    );
    yield objectOf(bytes, answer.url);
    const next = nextLink(answer.headers.get("Link") ?? "");
    if (next === undefined) return;
    target = client.next(answer.url, next);
    if (target.origin !== answer.url.origin)
      throw new SampanError("permission_denied", `${shown(answer.url)}: its next page is on another host`);
  }
  throw new SampanError(
    "resource_exhausted",
    `registry "${client.address.name}" lists more than ${mostPages} pages`,
  );
}

/** RFC 8288: `<address>; rel="next"`. */
export function nextLink(header: string): string | undefined {
  for (const match of header.slice(0, 8192).matchAll(/<([^<>]*)>([^<]*)/g))
    if (/;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\b)/i.test(match[2] ?? "")) return match[1];
  return undefined;
}

function foundOf(entry: unknown): Found[] {
  const {
    name,
    description,
    star_count: stars,
    is_official: official,
  } = (entry ?? {}) as Record<string, unknown>;
  if (typeof name !== "string" || name === "") return [];
  return [
    {
      name: name.slice(0, 255),
      description: typeof description === "string" ? description.slice(0, 1000) : "",
      stars: typeof stars === "number" && Number.isSafeInteger(stars) ? stars : 0,
      official: official === true,
    },
  ];
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

function objectOf(bytes: Uint8Array, url: URL): Record<string, unknown> {
  try {
    return (JSON.parse(new TextDecoder().decode(bytes)) ?? {}) as Record<string, unknown>;
  } catch (error) {
    throw new SampanError("unavailable", `${shown(url)}: its answer is no JSON`, { cause: error });
  }
}
