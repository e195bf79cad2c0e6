/**
 * What a pod is told of itself: fieldRef and resourceFieldRef. Pure. https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
 * Quoting of labels and annotations in files is Go's %q, as programs that read them expect.
 */
import type { Container, Pod, ResourceFieldRef } from "../../../spec/kubernetes/pod.ts";
import { nanoOf } from "../../../spec/kubernetes/quantity.ts";
import { PodError, shown } from "./pod-error.ts";
import { requestsOf } from "./qos.ts";
import type { NodeFacts } from "./translate.ts";

export interface FieldFacts {
  readonly node: Pick<NodeFacts, "name" | "ips">;
  /** Of the pod; a pod on the host's network has the node's. */
  readonly podIps: readonly string[];
}

const refused = (text: string) => new PodError("CreateContainerConfigError", text);

const fields: Readonly<Record<string, (pod: Pod, facts: FieldFacts) => string>> = {
  "metadata.name": ({ metadata }) => metadata.name ?? "",
  "metadata.namespace": ({ metadata }) => metadata.namespace ?? "default",
  "metadata.uid": ({ metadata }) => metadata.uid ?? "",
  "metadata.labels": ({ metadata }) => linesOf(metadata.labels ?? {}),
  "metadata.annotations": ({ metadata }) => linesOf(metadata.annotations ?? {}),
  "spec.nodeName": ({ spec }, { node }) => spec.nodeName ?? node.name,
  "spec.serviceAccountName": ({ spec }) => spec.serviceAccountName ?? "default",
  "status.hostIP": (_, { node }) => node.ips[0] ?? "",
  "status.hostIPs": (_, { node }) => node.ips.join(","),
  "status.podIP": (pod, facts) => addresses(pod, facts)[0] ?? "",
  "status.podIPs": (pod, facts) => addresses(pod, facts).join(","),
};

/** Whole maps, which only files can hold; addresses, which only variables can. */
const onlyFiles = ["metadata.labels", "metadata.annotations"];
const ofEnvironment = (path: string) => path.startsWith("spec.") || path.startsWith("status.");

const addresses = ({ spec }: Pod, { node, podIps }: FieldFacts) => (spec.hostNetwork ? node.ips : podIps);

/** Errors: PodError `CreateContainerConfigError` for a path that is none here. */
export function podField(
  pod: Pod,
  path: string,
  { place, ...facts }: FieldFacts & { readonly place: "file" | "environment" },
): string {
  const [, map, key] = /^metadata\.(labels|annotations)\['([^']{1,316})'\]$/.exec(path) ?? [];
  if (map !== undefined && key !== undefined) return valueOf(pod.metadata[map as "labels"], key);
  const field = Object.hasOwn(fields, path) ? fields[path] : undefined;
  const elsewhere = place === "file" ? ofEnvironment(path) : onlyFiles.includes(path);
  if (field && !elsewhere) return field(pod, facts);
  throw refused(
    `cannot use fieldPath ${shown(path)} of pod ${shown(pod.metadata.name)}: there is none of that name for a ${place === "file" ? "file" : "variable"}`,
  );
}

function valueOf(map: Readonly<Record<string, string>> | undefined, key: string): string {
  return map && Object.hasOwn(map, key) ? String(map[key]) : "";
}

function linesOf(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((key) => `${key}=${quoted(String(map[key]))}`)
    .join("\n");
}

const escapes: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};

function quoted(text: string): string {
  const inside = Array.from(text, (mark) => {
    const known = escapes[mark];
    if (known !== undefined) return known;
    const code = mark.codePointAt(0) ?? 0;
    if (code < 0x80) return code < 0x20 || code === 0x7f ? `\\x${hex(code, 2)}` : mark;
    if (/^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(mark)) return mark;
    return code < 0x1_0000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
  });
  return `"${inside.join("")}"`;
}

const hex = (code: number, digits: number) => code.toString(16).padStart(digits, "0");

const resources = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-[0-9A-Za-z]{1,20})$/;

/** Whole units of the divisor, rounded up. A limit that is not set is what the node has for pods. Errors: PodError `CreateContainerConfigError`. */
export function resourceField(
  pod: Pod,
  { resource, containerName, divisor }: ResourceFieldRef,
  { container, node }: { readonly container?: Container; readonly node: NodeFacts },
): string {
  const own = containerName ? containerNamed(pod, containerName) : container;
  const [, list, name = ""] = resources.exec(resource) ?? [];
  if (!own || list === undefined)
    throw refused(
      `cannot use resource ${shown(resource)} of container ${shown(containerName ?? "")}: ${own ? "there is none of that name" : "the pod has no such container"}`,
    );
  const step = nanoOf(divisor ?? "1") || 1_000_000_000n;
  if (step < 0n) throw refused(`cannot use divisor ${shown(divisor)}: it is negative`);
  const value = list === "limits" ? own.resources?.limits?.[name] : requestsOf(own.resources)[name];
  const amount = value === undefined && list === "limits" ? allocatable(node, name) : nanoOf(value);
  return String((amount + step - 1n) / step);
}

function containerNamed({ spec }: Pod, name: string): Container | undefined {
  return [...spec.containers, ...(spec.initContainers ?? [])].find((each) => each.name === name);
}

function allocatable(node: NodeFacts, name: string): bigint {
  const status = node.node()?.["status"] as
    { allocatable?: Record<string, string>; capacity?: Record<string, string> } | undefined;
  const told = status?.allocatable?.[name] ?? status?.capacity?.[name];
  if (told !== undefined) return nanoOf(told);
  if (name === "cpu") return nanoOf(node.processors);
  return name === "memory" ? nanoOf(node.memory) : 0n;
}
