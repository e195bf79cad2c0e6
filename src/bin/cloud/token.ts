/** Reads the token of the cloud that runs on a data root, as its administrator. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { invalid, SampanError } from "../../base/errors.ts";
import { readRecord } from "../daemon/lock.ts";
import { readText } from "../../fleet/cloud/apiserver/auth/pki/files.ts";
import type { TokenFlags } from "./flags.ts";

const path = "/api/v1/namespaces/kubeedge/secrets/tokensecret";
const deadline = 10_000;

/** What `sampan cloud token` prints. Errors: `not_found` without a cloud, `unavailable` when it does not run, or serves no edges. */
export async function printedToken(
  root: string,
  flags: Pick<TokenFlags, "server" | "print-join-command">,
): Promise<string> {
  const kubeconfig = join(root, "admin.kubeconfig");
  if (!existsSync(kubeconfig))
    throw new SampanError(
      "not_found",
      `cannot read the token: there is no cloud in "${root}"; wanted the data root of one that runs`,
    );
  const record = readRecord(root);
  const hub = record?.hosts.find((host) => host.startsWith("wss:"));
  const join_ = record?.hosts.filter((host) => host.startsWith("https:"))[1];
  if (record === undefined || hub === undefined || join_ === undefined)
    throw new SampanError(
      "unavailable",
      `cannot read the token: the cloud in "${root}" ${record === undefined ? "does not run" : "serves no edges"}`,
    );
  const token = await readToken(readText(kubeconfig) ?? "", record.hosts[0] ?? "");
  if (!flags["print-join-command"]) return `${token}\n`;
  return `${joinCommand({ hub, join: join_, token, server: flags.server })}\n`;
}

interface Joining {
  readonly hub: string;
  readonly join: string;
  readonly token: string;
  readonly server: string | undefined;
}

/** Ports are said when they are not the usual ones. */
function joinCommand({ hub, join, token, server }: Joining): string {
  const name = server === undefined ? new URL(hub).hostname : checkedName(server);
  const joinPort = new URL(join).port || "443";
  const words = ["sampan", "join", `${name}:${new URL(hub).port || "443"}`, "--token", token];
  if (joinPort !== "10002") words.push("--cert-port", joinPort);
  return words.join(" ");
}

function checkedName(text: string): string {
  if (/^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])$/.test(text)) return text;
  throw invalid(`cannot use --server "${text}": wanted a name or an address, one of IPv6 in brackets`);
}

interface Config {
  readonly clusters: readonly [{ readonly cluster: { readonly "certificate-authority-data": string } }];
  readonly users: readonly [
    { readonly user: { readonly "client-certificate-data": string; readonly "client-key-data": string } },
  ];
}

async function readToken(kubeconfig: string, url: string): Promise<string> {
  const { clusters, users } = parse(kubeconfig) as Config;
  const decoded = (base64: string) => Buffer.from(base64, "base64").toString();
  const answer = await fetch(`${url}${path}`, {
    signal: AbortSignal.timeout(deadline),
    tls: {
      ca: decoded(clusters[0].cluster["certificate-authority-data"]),
      cert: decoded(users[0].user["client-certificate-data"]),
      key: decoded(users[0].user["client-key-data"]),
    },
  }).catch((cause: unknown) => {
    throw new SampanError("unavailable", `cannot reach the cloud at ${url}: ${String(cause)}`, { cause });
  });
  if (!answer.ok)
    throw new SampanError("unavailable", `cannot read the token: the cloud answers ${answer.status}`);
  const { data } = (await answer.json()) as { readonly data?: { readonly tokendata?: string } };
  return Buffer.from(data?.tokendata ?? "", "base64").toString("latin1");
}
