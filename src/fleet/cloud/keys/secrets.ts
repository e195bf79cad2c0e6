/** Secrets that several processes make together: whoever is first has made it, the others read what it is. */
import {
  KubeError,
  type KubeClient,
  type KubeObject,
  type ObjectKey,
  type ResourceId,
} from "../../../spec/kubernetes/kube.ts";
import { SampanError } from "../../../base/errors.ts";

export const namespace = "kubeedge";
const secrets: ResourceId = { group: "", version: "v1", resource: "secrets" };
const namespaces: ResourceId = { group: "", version: "v1", resource: "namespaces" };

/** What lies in a secret, by key. */
export type Content = Readonly<Record<string, Buffer>>;

export interface Kept {
  readonly content: Content;
  readonly object: KubeObject;
}

export interface Secrets {
  read(name: string): Promise<Kept | undefined>;
  /** What is there, or what was made now. */
  ensure(name: string, make: () => Promise<Content>): Promise<Kept>;
  /** Puts other content in its place. Undefined: somebody else changed it meanwhile. */
  replace(kept: Kept, content: Content): Promise<Kept | undefined>;
}

export function openSecrets(client: KubeClient, signal: AbortSignal): Secrets {
  const keyOf = (name: string): ObjectKey => ({ namespace, name });
  const read = async (name: string) => {
    try {
      return kept(await client.get(secrets, keyOf(name), signal));
    } catch (error) {
      if (isReason(error, "NotFound")) return undefined;
      throw error;
    }
  };
  return {
    read,
    ensure: async (name, make) => {
      const found = await read(name);
      if (found) return found;
      await ensureNamespace(client, signal);
      const object = { ...empty(name), data: encoded(await make()) };
      try {
        return kept(await client.create(secrets, object, { signal }));
      } catch (error) {
        if (!isReason(error, "AlreadyExists")) throw error;
      }
      const others = await read(name);
      if (others) return others;
      throw new SampanError("aborted", `cannot make secret "${namespace}/${name}": it comes and goes`);
    },
    replace: async ({ object }, content) => {
      try {
        return kept(await client.update(secrets, { ...object, data: encoded(content) }, { signal }));
      } catch (error) {
        if (isReason(error, "Conflict") || isReason(error, "NotFound")) return undefined;
        throw error;
      }
    },
  };
}

export function isReason(error: unknown, reason: KubeError["reason"]): boolean {
  return error instanceof KubeError && error.reason === reason;
}

/** Not more than what a client of KubeEdge expects of it. */
function empty(name: string): KubeObject {
  return { apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, type: "Opaque" };
}

async function ensureNamespace(client: KubeClient, signal: AbortSignal): Promise<void> {
  try {
    await client.create(
      namespaces,
      { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
      { signal },
    );
  } catch (error) {
    if (!isReason(error, "AlreadyExists")) throw error;
  }
}

function encoded(content: Content): Record<string, string> {
  return Object.fromEntries(Object.entries(content).map(([key, value]) => [key, value.toString("base64")]));
}

function kept(object: KubeObject): Kept {
  const data = (object["data"] ?? {}) as Readonly<Record<string, unknown>>;
  const content = Object.entries(data).map(([key, value]) => [key, Buffer.from(String(value), "base64")]);
  return { object, content: Object.fromEntries(content) as Content };
}
