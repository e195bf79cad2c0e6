/** What nodes and pods use: made from the latest figures when it is asked for, and kept nowhere. https://github.com/kubernetes/metrics */
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { Measured, ResourceMetrics, Usage } from "../../metrics.ts";
import type { Virtual } from "../../resource.ts";
import type { KindRow } from "../builtin.ts";
import { at, entries, text } from "../fields/read.ts";
import { nameColumn, table, type ColumnRow } from "../fields/columns.ts";

const apiVersion = "metrics.k8s.io/v1beta1";
const read = ["get", "list"] as const;

export const noMetrics: ResourceMetrics = { nodes: () => [], pods: () => [] };

export function metricsKinds(source: ResourceMetrics): readonly KindRow[] {
  const prepare = source.ready && { prepare: async () => await source.ready?.() };
  return [
    {
      ...prepare,
      package: "metrics",
      version: "v1beta1",
      kind: "NodeMetrics",
      plural: "nodes",
      namespaced: false,
      verbs: read,
      virtual: nodeMetrics(source),
      table: usageTable((object) => [at(object["usage"])]),
    },
    {
      ...prepare,
      package: "metrics",
      version: "v1beta1",
      kind: "PodMetrics",
      plural: "pods",
      verbs: read,
      virtual: podMetrics(source),
      table: usageTable((object) => entries(object["containers"]).map(({ usage }) => at(usage))),
    },
  ];
}

function nodeMetrics(source: ResourceMetrics): Virtual {
  return ({ find }) =>
    source.nodes().flatMap(({ name, usage, ...measured }) => {
      const node = find("nodes", "", name);
      return node ? [{ ...head("NodeMetrics", node, measured), usage: amounts(usage) }] : [];
    });
}

function podMetrics(source: ResourceMetrics): Virtual {
  return ({ find, namespace }) =>
    source.pods(namespace).flatMap(({ namespace: place, name, containers, ...measured }) => {
      const pod = namespace === undefined || place === namespace ? find("pods", place, name) : undefined;
      if (!pod) return [];
      const measuredOf = containers.map((each) => ({ name: each.name, usage: amounts(each.usage) }));
      return [{ ...head("PodMetrics", pod, measured), containers: measuredOf }];
    });
}

/** Labels are those of the thing itself, so that selectors choose the same. */
function head(kind: string, { metadata }: KubeObject, { at: end, window }: Measured): KubeObject {
  const { name, namespace, labels } = metadata;
  const timestamp = new Date(end).toISOString().replace(/\.\d+Z$/, "Z");
  return {
    kind,
    apiVersion,
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels ? { labels } : {}),
      creationTimestamp: timestamp,
    },
    timestamp,
    window: `${window}s`,
  };
}

/** As quantities: `12345678n`, `20480Ki`. */
function amounts({ cpu, memory }: Usage) {
  return { cpu: `${Math.round(cpu)}n`, memory: `${Math.ceil(memory / 1024)}Ki` };
}

type Amounts = Readonly<Record<string, unknown>>;

function usageTable(usages: (object: KubeObject) => readonly Amounts[]) {
  const sum = (object: KubeObject, name: string, unit: string) =>
    usages(object).reduce((total, each) => total + Number(text(each[name]).slice(0, -unit.length)), 0);
  const rows: readonly ColumnRow[] = [
    nameColumn,
    {
      name: "CPU",
      description: "In billionths of a processor.",
      cell: (object) => `${sum(object, "cpu", "n")}n`,
    },
    { name: "Memory", description: "The working set.", cell: (object) => `${sum(object, "memory", "Ki")}Ki` },
    {
      name: "Window",
      description: "Over which it was measured.",
      cell: ({ window }) => window,
    },
  ];
  return table(rows);
}
