/** Reads the token by which edges join, of the cloud that runs on a data root or on a cluster. */
import { existsSync } from "node:fs";
import { invalid, SampanError } from "../../base/errors.ts";
import { KubeError, type KubeClient } from "../../spec/kubernetes/kube.ts";
import { openRemoteClient } from "../../fleet/cloud/remote/open.ts";
import { readRecord } from "../daemon/lock.ts";
import type { TokenFlags } from "./flags.ts";
import { adminPath } from "./paths.ts";

const deadline = 10_000;

/** What `sampan cloud token` prints. Errors: `not_found` without a cloud, `unavailable` when it does not run, or serves no edges. */
export async function printedToken(
  root: string,
  flags: Pick<TokenFlags, "server" | "print-join-command" | "kubeconfig">,
): Promise<string> {
  const found = flags.kubeconfig === undefined ? hostsOf(root) : hostsOfServer(flags.server);
  const token = await readToken(flags.kubeconfig ?? adminPath(root));
  if (!flags["print-join-command"]) return `${token}\n`;
  return `${joinCommand({ ...found, token, server: flags.server })}\n`;
}

interface Hosts {
  readonly hub: string;
  readonly join: string;
}

/** As the cloud that runs on the data root says. */
function hostsOf(root: string): Hosts {
  if (!existsSync(adminPath(root)))
    throw new SampanError(
      "not_found",
      `cannot read the token: there is no cloud in "${root}"; wanted the data root of one that runs, or --kubeconfig`,
    );
  const record = readRecord(root);
  const hub = record?.hosts.find((host) => host.startsWith("wss:"));
  const join = record?.hosts.filter((host) => host.startsWith("https:"))[1];
  if (hub !== undefined && join !== undefined) return { hub, join };
  const why = record === undefined ? "does not run" : "serves no edges";
  throw new SampanError("unavailable", `cannot read the token: the cloud in "${root}" ${why}`);
}

/** What runs on a cluster, nobody here knows; its ports are the usual ones. */
function hostsOfServer(server: string | undefined): Hosts {
  const host = server === undefined ? "CLOUD" : checkedName(server);
  return { hub: `wss://${host}:10000`, join: `https://${host}:10002` };
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

const secrets = { group: "", version: "v1", resource: "secrets" } as const;
const key = { namespace: "kubeedge", name: "tokensecret" } as const;

async function readToken(kubeconfig: string): Promise<string> {
  using client = await openRemoteClient({ kubeconfig });
  const { data } = (await secretOf(client)) as { readonly data?: { readonly tokendata?: string } };
  return Buffer.from(data?.tokendata ?? "", "base64").toString("latin1");
}

async function secretOf(client: KubeClient) {
  try {
    return await client.get(secrets, key, AbortSignal.timeout(deadline));
  } catch (error) {
    if (error instanceof KubeError && error.reason === "NotFound")
      throw new SampanError("unavailable", "cannot read the token: no hub has begun on this cluster yet");
    throw SampanError.wrap("cannot read the token", error);
  }
}
