/** The files of volumes whose contents come from objects: configMap, secret, downwardAPI and projected, tokens among them. */
import { invalid, SampanError } from "../../../../base/errors.ts";
import type { Clock } from "../../../../base/clock.ts";
import { milliseconds } from "../../../../base/clock.ts";
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { DownwardFile, KeyToPath, Pod, Projection, Volume } from "../../../../spec/kubernetes/pod.ts";
import type { Meta } from "../../meta/meta.ts";
import { podField, resourceField } from "../downward.ts";
import { shown } from "../pod-error.ts";
import type { NodeFacts } from "../translate.ts";
import { checkedPath, type FolderFile } from "./atomic-folder.ts";

export interface ContentSources {
  readonly meta: Pick<Meta, "fetch" | "token">;
  readonly node: NodeFacts;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface Contents {
  readonly files: Map<string, FolderFile>;
  /** An optional source could not be asked for: what was there before is better. */
  uncertain: boolean;
  /** Milliseconds since 1970 at which a token is to be renewed. */
  renewAt: number | undefined;
}

/** Those whose contents lie in memory only. */
export const inMemory = ["secret", "projected", "downwardAPI"] as const;
const kinds = ["configMap", ...inMemory] as const;
export type ContentKind = (typeof kinds)[number];

export function contentKind(volume: Volume): ContentKind | undefined {
  return kinds.find((kind) => volume[kind] !== undefined && volume[kind] !== null);
}

interface Work {
  readonly pod: Pod;
  readonly sources: ContentSources;
  readonly contents: Contents;
  readonly mode: number;
}

/** Errors: `not_found`, `unavailable`, `invalid_argument`. */
export async function contentsOf(pod: Pod, volume: Volume, sources: ContentSources): Promise<Contents> {
  const contents: Contents = { files: new Map(), uncertain: false, renewAt: undefined };
  const { configMap, secret, downwardAPI, projected } = volume;
  const asked = configMap ?? secret ?? downwardAPI ?? projected;
  const work: Work = { pod, sources, contents, mode: modeOf(asked?.defaultMode, 0o644) };
  if (configMap) await addObject(work, { type: "configmap", ...configMap });
  else if (secret) {
    const { secretName, ...more } = secret;
    await addObject(work, { type: "secret", ...more, ...(secretName !== undefined && { name: secretName }) });
  } else if (downwardAPI) addDownward(work, downwardAPI.items);
  else for (const source of projected?.sources ?? []) await addProjection(work, source);
  return contents;
}

function modeOf(mode: number | undefined | null, otherwise: number): number {
  const found = mode ?? otherwise;
  if (Number.isInteger(found) && found >= 0 && found <= 0o777) return found;
  throw invalid(`cannot use file mode ${shown(found)}: wanted 0 to 511, which is 0777`);
}

interface ObjectSource {
  readonly type: "configmap" | "secret";
  readonly name?: string;
  readonly items?: readonly KeyToPath[];
  readonly optional?: boolean;
}

async function addObject(work: Work, { type, name = "", items, optional }: ObjectSource): Promise<void> {
  const { pod, sources, contents, mode } = work;
  const key = { namespace: pod.metadata.namespace ?? "default", type, name };
  const object = await sources.meta.fetch(key, sources.signal).catch((error: unknown) => {
    const { code, message } = SampanError.from(error);
    if (!optional || (code !== "not_found" && code !== "unavailable"))
      throw new SampanError(code, `${type} ${shown(name)}: ${message}`, { cause: error });
    contents.uncertain ||= code === "unavailable";
    return undefined;
  });
  if (!object) return;
  const data = dataOf(object, type);
  if (type === "configmap" && name === rootCertificates.map) addAuthority(data, sources.node);
  const wanted = items ?? [...data.keys()].map((each): KeyToPath => ({ key: each, path: each }));
  for (const item of wanted) {
    const bytes = data.get(item.key);
    if (bytes) contents.files.set(checkedPath(item.path), { bytes, mode: modeOf(item.mode, mode) });
    else if (!optional)
      throw new SampanError("not_found", `${type} ${shown(name)} has no key ${shown(item.key)}`);
  }
}

/** Every namespace has it; it lies beside the token of a service account. */
const rootCertificates = { map: "kube-root-ca.crt", key: "ca.crt" } as const;

/** This node serves the API to its pods, too. */
function addAuthority(data: Map<string, Uint8Array>, { apiAuthority }: NodeFacts): void {
  const [theirs, own] = [data.get(rootCertificates.key), apiAuthority?.()];
  if (!theirs || own === undefined) return;
  const text = Buffer.from(theirs).toString("utf8").trimEnd();
  data.set(rootCertificates.key, Buffer.from(`${text}\n${own}`, "utf8"));
}

function dataOf(object: KubeObject, type: ObjectSource["type"]): Map<string, Uint8Array> {
  const entries = (field: string) => Object.entries((object[field] ?? {}) as Record<string, unknown>);
  const text = (value: unknown) => Buffer.from(String(value), "utf8");
  const binary = (value: unknown) => Buffer.from(String(value), "base64");
  return type === "secret"
    ? new Map(entries("data").map(([key, value]) => [key, binary(value)]))
    : new Map([
        ...entries("binaryData").map(([key, value]) => [key, binary(value)] as const),
        ...entries("data").map(([key, value]) => [key, text(value)] as const),
      ]);
}

function addDownward({ pod, sources, contents, mode }: Work, items: readonly DownwardFile[] = []): void {
  const { node } = sources;
  for (const { path, fieldRef, resourceFieldRef, mode: own } of items) {
    if (!fieldRef && !resourceFieldRef) throw invalid(`cannot write file ${shown(path)}: it has no source`);
    const text = fieldRef
      ? podField(pod, fieldRef.fieldPath, { node, podIps: [], place: "file" })
      : resourceField(pod, resourceFieldRef as NonNullable<typeof resourceFieldRef>, { node });
    contents.files.set(checkedPath(path), { bytes: Buffer.from(text, "utf8"), mode: modeOf(own, mode) });
  }
}

async function addProjection(work: Work, source: Projection): Promise<void> {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap) await addObject(work, { type: "configmap", ...configMap });
  else if (secret) await addObject(work, { type: "secret", ...secret });
  else if (downwardAPI) addDownward(work, downwardAPI.items);
  else if (serviceAccountToken) await addToken(work, serviceAccountToken);
  else
    throw new SampanError(
      "unimplemented",
      `source ${shown(Object.keys(source)[0] ?? "")} is not supported on this node`,
    );
}

const defaultLife = 3600;

/** It is renewed after four fifths of its life. */
async function addToken(
  { pod, sources, contents, mode }: Work,
  { audience, expirationSeconds = defaultLife, path }: NonNullable<Projection["serviceAccountToken"]>,
): Promise<void> {
  const { name, namespace = "default", uid } = pod.metadata;
  const account = { namespace, name: pod.spec.serviceAccountName ?? "default" };
  const request: KubeObject = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    metadata: {},
    spec: {
      audiences: audience ? [audience] : null,
      expirationSeconds,
      boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid },
    },
  };
  const answer = await sources.meta.token(account, request, sources.signal);
  const { token, expirationTimestamp } = (answer["status"] ?? {}) as {
    token?: unknown;
    expirationTimestamp?: string;
  };
  if (typeof token !== "string")
    throw new SampanError("unavailable", `there is no token of account ${shown(account.name)}`);
  const end = milliseconds(expirationTimestamp);
  if (end !== undefined) {
    const at = end - 0.2 * expirationSeconds * 1000;
    contents.renewAt = Math.min(contents.renewAt ?? at, at);
  }
  contents.files.set(checkedPath(path), { bytes: Buffer.from(token, "utf8"), ...tokenOwner(pod, mode) });
}

/** As kubelet: only for who runs in the pod, where that is one group or one user. */
function tokenOwner({ spec }: Pod, mode: number): { mode: number; uid?: number } {
  const { fsGroup, runAsUser } = spec.securityContext ?? {};
  if (fsGroup !== undefined) return { mode: 0o600 };
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  const users = new Set(all.map(({ securityContext }) => securityContext?.runAsUser ?? runAsUser));
  const [user] = users;
  return users.size === 1 && user !== undefined ? { mode: 0o600, uid: user } : { mode };
}
