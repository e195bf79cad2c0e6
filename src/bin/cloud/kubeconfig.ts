/** Kubeconfigs: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ */
import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { invalid, SampanError } from "../../base/errors.ts";
import { administrators } from "../../fleet/cloud/apiserver/auth/rbac/defaults/bindings.ts";
import { type Authority, openAuthority } from "../../fleet/cloud/apiserver/auth/authority.ts";
import { writeWhole } from "../../fleet/cloud/apiserver/auth/pki/files.ts";
import { readRecord } from "../daemon/lock.ts";
import { type KubeconfigFlags, parseValidity } from "./flags.ts";
import { adminPath } from "./paths.ts";

export const administrator = { user: "kubernetes-admin", groups: [administrators] } as const;

export interface Kubeconfig {
  readonly server: string;
  readonly user: string;
  /** PEM, as the two below. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** As YAML; what comes from outside is quoted as JSON, which is YAML. */
export function kubeconfigText({ server, user, ca, certificate, key }: Kubeconfig): string {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  return `apiVersion: v1
kind: Config
clusters:
- name: sampan
  cluster:
    server: ${JSON.stringify(server)}
    certificate-authority-data: ${base64(ca)}
users:
- name: ${JSON.stringify(user)}
  user:
    client-certificate-data: ${base64(certificate)}
    client-key-data: ${base64(key)}
contexts:
- name: sampan
  context:
    cluster: sampan
    user: ${JSON.stringify(user)}
current-context: sampan
`;
}

const monthly = 30 * 86_400_000;

/** Writes the administrator's kubeconfig, for this user alone, unless the one that is there is still good for a month. */
export async function keepAdminKubeconfig(
  root: string,
  server: string,
  authority: Authority,
): Promise<string> {
  const path = adminPath(root);
  if (!isCurrent(readIfThere(path), { server, ca: authority.ca, until: Date.now() + monthly })) {
    const pair = await authority.issueClient(administrator);
    writeWhole(path, kubeconfigText({ server, user: administrator.user, ca: authority.ca, ...pair }), 0o600);
  }
  return path;
}

function isCurrent(
  text: string,
  { server, ca, until }: { server: string; ca: string; until: number },
): boolean {
  const field = (name: string) => new RegExp(`^ +${name}: (\\S+)$`, "m").exec(text)?.[1] ?? "";
  const decoded = (name: string) => Buffer.from(field(name), "base64").toString();
  if (field("server") !== JSON.stringify(server) || decoded("certificate-authority-data") !== ca)
    return false;
  try {
    return Date.parse(new X509Certificate(decoded("client-certificate-data")).validTo) > until;
  } catch {
    return false;
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return "";
    throw SampanError.wrap(`cannot read "${path}"`, error);
  }
}

/** The kubeconfig that was asked for, with a certificate of its own. Works beside a running server. */
export async function newKubeconfig(
  root: string,
  flags: Omit<KubeconfigFlags, "help" | "data-root" | "config">,
): Promise<string> {
  const folder = join(root, "pki");
  if (!existsSync(join(folder, "ca.crt")))
    throw new SampanError(
      "not_found",
      `cannot make a kubeconfig: there is no cloud in "${root}"; wanted the data root of one that was started by sampan cloud --data-root`,
    );
  const server = flags.server === undefined ? lastServer(root) : checkedServer(flags.server);
  const asked = flags.user !== undefined || flags.group.length > 0;
  const { user, groups } = asked
    ? { user: flags.user ?? administrator.user, groups: flags.group }
    : administrator;
  for (const name of [user, ...groups])
    if (name === "" || /[\p{Cc}\p{Cf}]/u.test(name))
      throw invalid(`cannot use ${JSON.stringify(name)} as a name: wanted one without control characters`);
  const validity = flags["valid-for"];
  const authority = await openAuthority({ folder });
  const pair = await authority.issueClient({
    user,
    groups,
    ...(validity === undefined ? {} : { seconds: parseValidity(validity) }),
  });
  return kubeconfigText({ server, user, ca: authority.ca, ...pair });
}

/** Where the server is, or was when it last ran. */
function lastServer(root: string): string {
  const running = readRecord(root)?.hosts[0];
  const written = /^ +server: (".*")$/m.exec(readIfThere(adminPath(root)))?.[1];
  return running ?? (written === undefined ? "https://127.0.0.1:6443" : (JSON.parse(written) as string));
}

function checkedServer(text: string): string {
  if (!URL.canParse(text) || new URL(text).protocol !== "https:")
    throw invalid(`cannot use --server "${text}": wanted a URL as https://cloud.example.com:6443`);
  return text;
}
