/** Asks a server the rows of a scenario. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { differenceOf, type Row, type Scenario } from "./_row.ts";

export interface Target {
  readonly url: string;
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly token?: string;
}

interface Entry {
  readonly name: string;
  readonly cluster?: Readonly<Record<string, string>>;
  readonly user?: Readonly<Record<string, string>>;
  readonly context?: { readonly cluster: string; readonly user: string };
}

/** The current context of a kubeconfig: certificates within it or in files, or a token. */
export function targetOf(path: string): Target {
  const config = parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  const entry = (list: string, name: unknown) => (config[list] as Entry[]).find((each) => each.name === name);
  const context = entry("contexts", config["current-context"])?.context;
  const cluster = entry("clusters", context?.cluster)?.cluster ?? {};
  const user = entry("users", context?.user)?.user ?? {};
  const pem = (of: Readonly<Record<string, string>>, name: string) => {
    const data = of[`${name}-data`];
    const file = of[name];
    return data === undefined ? file && readFileSync(file, "utf8") : Buffer.from(data, "base64").toString();
  };
  const [ca, cert, key] = [
    pem(cluster, "certificate-authority"),
    pem(user, "client-certificate"),
    pem(user, "client-key"),
  ];
  return {
    url: cluster["server"] ?? "",
    tls: { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) },
    ...(user["token"] ? { token: user["token"] } : {}),
  };
}

/** Makes the namespace, asks every row, takes the namespace away. The complaints, one a row; none is well. */
export async function runScenario(target: Target, scenario: Scenario, namespace: string): Promise<string[]> {
  const made = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
  const space = await ask(target, { says: "", ask: "POST /api/v1/namespaces", body: made, status: 201 });
  if (space.status !== 201) return [`cannot make the namespace: ${space.text}`];
  const kept: Record<string, string> = { ns: namespace };
  const complaints: string[] = [];
  for (const row of scenario.rows) {
    const filled = fill(row, kept);
    const answer = await ask(target, filled);
    const complaint = judge(filled, answer);
    if (complaint !== undefined) complaints.push(`${row.says} (${filled.ask}): ${complaint}`);
    for (const [name, path] of Object.entries(row.keep ?? {})) kept[name] = String(at(answer.json(), path));
  }
  await ask(target, { says: "", ask: `DELETE /api/v1/namespaces/${namespace}`, status: 200 });
  return complaints;
}

/** The row with its braces filled; bodies that are very long are left as they are. */
function fill(row: Row, kept: Readonly<Record<string, string>>): Row {
  if (typeof row.body === "string" && row.body.length > 100_000)
    return { ...row, ask: filled(row.ask, kept) };
  return JSON.parse(filled(JSON.stringify(row), kept)) as Row;
}

function filled(text: string, kept: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => kept[name] ?? whole);
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Undefined where it is none. */
  json(): unknown;
}

async function ask(target: Target, row: Row): Promise<Answer> {
  const { ask: line, body, type, accept, headers, events } = row;
  const space = line.indexOf(" ");
  const sent = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const media = type ?? (sent === undefined ? undefined : "application/json");
  const response = await fetch(`${target.url}${line.slice(space + 1)}`, {
    method: line.slice(0, space),
    headers: {
      Accept: accept ?? "application/json",
      ...(media === undefined ? {} : { "Content-Type": media }),
      ...(target.token === undefined ? {} : { Authorization: `Bearer ${target.token}` }),
      ...headers,
    },
    ...(sent === undefined ? {} : { body: sent }),
    tls: target.tls,
  } as RequestInit);
  const text = events ? await firstLines(response, events) : await response.text();
  return { status: response.status, headers: response.headers, text, json: () => parsed(text) };
}

/** As many events of a watch as are wanted: the rest of its time need not be waited for. */
async function firstLines(response: Response, events: readonly unknown[]): Promise<string> {
  let text = "";
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString();
    const lines = text.split("\n").slice(0, -1);
    if (counted(lines.map(parsed) as Event[], events).length >= events.length) break;
  }
  return text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function at(value: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((each, name) => (each as Record<string, unknown> | undefined)?.[name], value);
}

function judge(row: Row, answer: Answer): string | undefined {
  const statuses = [row.status].flat();
  const told = () => answer.text.slice(0, 400);
  if (!statuses.includes(answer.status))
    return `wanted ${statuses.join(" or ")}, was ${answer.status}: ${told()}`;
  for (const [name, pattern] of Object.entries(row.answers ?? {}))
    if (!new RegExp(pattern).test(answer.headers.get(name) ?? ""))
      return `wanted the header ${name} like /${pattern}/, was ${answer.headers.get(name)}`;
  if (row.text !== undefined && !new RegExp(row.text).test(answer.text))
    return `wanted /${row.text}/, was ${told()}`;
  if (row.events) return judgeEvents(row.events, answer.text);
  return row.shape === undefined ? undefined : differenceOf(row.shape, answer.json());
}

interface Event {
  readonly type: string;
}

/** A server may send bookmarks when it likes; only those that were asked about count. */
function counted(events: readonly Event[], wanted: readonly unknown[]): readonly Event[] {
  const marks = wanted.some((each) => (each as Event).type === "BOOKMARK");
  return marks ? events.slice(0, wanted.length) : events.filter(({ type }) => type !== "BOOKMARK");
}

function judgeEvents(wanted: readonly unknown[], text: string): string | undefined {
  const events = text.split("\n").filter(Boolean).map(parsed) as Event[];
  return differenceOf(wanted, counted(events, wanted));
}
