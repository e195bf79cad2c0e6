/** Pods that stand in files of this node: one manifest in YAML or JSON a file, as kubelet takes them. https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/ */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { invalid, SampanError } from "../../../base/errors.ts";
import type { Pod } from "../../../spec/kubernetes/pod.ts";
import { isName, isNamespace } from "../../link/resources.ts";

export const annotations = {
  source: "kubernetes.io/config.source",
  hash: "kubernetes.io/config.hash",
  mirror: "kubernetes.io/config.mirror",
} as const;

const largest = 1 << 20;
const most = 200;

/** Files that hold none are told to `log` and passed over. Hidden ones are nobody's business: editors make them. */
export function readManifests(folder: string, node: string, log: (text: string) => void): Pod[] {
  const names = readdirSync(folder)
    .filter((name) => !name.startsWith("."))
    .toSorted()
    .slice(0, most);
  return names.flatMap((name) => {
    const path = join(folder, name);
    try {
      const text = textOf(path);
      return text === undefined ? [] : [staticPod(text, { path, node })];
    } catch (error) {
      log(SampanError.wrap(`cannot take manifest "${path}"`, error).message);
      return [];
    }
  });
}

function textOf(path: string): string | undefined {
  // A link may lead to a file, as those of config maps do.
  if (!lstatSync(path, { throwIfNoEntry: false })) return undefined;
  const found = statSync(path);
  if (!found.isFile()) return undefined;
  if (found.size > largest) throw invalid(`it has ${found.size} bytes, wanted at most ${largest}`);
  return readFileSync(path, "utf8");
}

/** The pod of a manifest: its name ends with the node's, its UID follows from what stands in the file. Errors: `invalid_argument`. Pure. */
export function staticPod(
  text: string,
  { path, node }: { readonly path: string; readonly node: string },
): Pod {
  const document = parseDocument(text, { version: "1.1" });
  const [fault] = document.errors;
  if (fault) throw invalid(fault.message.split("\n")[0] ?? "it is no YAML");
  const object = document.toJS({ maxAliasCount: 100 }) as Partial<Pod> | null;
  if (object?.apiVersion !== "v1" || object.kind !== "Pod") throw invalid("it holds no Pod of v1");
  const { metadata = {}, spec } = object;
  const name = `${String(metadata.name ?? "")}-${node}`;
  const namespace = String(metadata.namespace ?? "default");
  if (!isName(name) || !isNamespace(namespace)) throw invalid("its name or namespace is none");
  if (!spec || !Array.isArray(spec.containers) || spec.containers.length === 0)
    throw invalid("it has no containers");
  for (const each of [...spec.containers, ...(spec.initContainers ?? [])] as unknown[])
    if (
      typeof (each as { name?: unknown } | null)?.name !== "string" ||
      typeof (each as { image?: unknown }).image !== "string"
    )
      throw invalid("a container lacks its name or image");
  const hash = createHash("sha256")
    .update(JSON.stringify([node, path, text]))
    .digest("hex")
    .slice(0, 32);
  return {
    ...object,
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...metadata,
      name,
      namespace,
      uid: hash,
      annotations: { ...metadata.annotations, [annotations.source]: "file", [annotations.hash]: hash },
    },
    spec: { ...spec, nodeName: node },
  };
}

/** What the cloud shows of it. */
export function mirrorOf({ metadata, ...pod }: Pod): Pod {
  const { uid: _, ...rest } = metadata;
  const hash = metadata.annotations?.[annotations.hash] ?? "";
  return {
    ...pod,
    metadata: { ...rest, annotations: { ...metadata.annotations, [annotations.mirror]: hash } },
    spec: { ...pod.spec, tolerations: [{ operator: "Exists", effect: "NoExecute" }] } as Pod["spec"],
  };
}

export function isMirror({ metadata }: { readonly metadata: Pod["metadata"] }): boolean {
  return metadata.annotations?.[annotations.mirror] !== undefined;
}
