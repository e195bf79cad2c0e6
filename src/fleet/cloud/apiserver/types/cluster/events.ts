/** Events, stored as v1 has them and served in the forms of both groups. https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { Form, Strategy } from "../../resource.ts";
import { age } from "../fields/age.ts";
import { table } from "../fields/columns.ts";
import { invalid } from "../fields/complaints.ts";
import { at, entryOf, isFields, number, text } from "../fields/read.ts";

/** The fields that have another name in events.k8s.io/v1: there → in v1. */
const renamed = {
  regarding: "involvedObject",
  note: "message",
  reportingController: "reportingComponent",
  deprecatedSource: "source",
  deprecatedFirstTimestamp: "firstTimestamp",
  deprecatedLastTimestamp: "lastTimestamp",
  deprecatedCount: "count",
} as const;
const back = Object.fromEntries(Object.entries(renamed).map(([there, here]) => [here, there]));

function withNames(
  event: KubeObject,
  names: Readonly<Record<string, string>>,
  apiVersion: string,
): KubeObject {
  const fields = Object.entries(event).map(([name, value]) => [entryOf(names, name) ?? name, value] as const);
  return { ...(Object.fromEntries(fields) as KubeObject), apiVersion, kind: "Event" };
}

export const eventForm: Form = {
  of: "events",
  toStored: (event) => withNames(event, renamed, "v1"),
  fromStored: (event) => withNames(event, back, "events.k8s.io/v1"),
};

export const eventStrategy: Strategy = {
  validate({ metadata, involvedObject }) {
    const { namespace } = at(involvedObject);
    const own = metadata.namespace ?? "";
    const about = text(namespace);
    // Events of what has no namespace are in one that every cluster has.
    const right = about === "" ? ["default", "kube-system"].includes(own) : about === own;
    return right ? [] : [invalid("involvedObject.namespace", about, "does not match event.namespace")];
  },
  selectableFields: (event) => selectable(event),
};

/** By the names of v1. */
function selectable(event: KubeObject): Record<string, string> {
  const about = at(event.involvedObject);
  const parts = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"];
  return {
    ...Object.fromEntries(parts.map((part) => [`involvedObject.${part}`, text(about[part])])),
    reason: text(event.reason),
    reportingComponent: text(event.reportingComponent),
    source: text(at(event.source).component) || text(event.reportingComponent),
    type: text(event.type),
  };
}

export const newEventStrategy: Strategy = {
  validate(event) {
    return (eventStrategy.validate?.(eventForm.toStored(event), {} as never) ?? []).map((cause) => ({
      ...cause,
      field: "regarding.namespace",
    }));
  },
  selectableFields(event) {
    const fields = selectable(eventForm.toStored(event));
    const others = Object.entries(fields).map(
      ([name, value]) => [name.replace(/^involvedObject\./, "regarding."), value] as const,
    );
    return { ...fields, ...Object.fromEntries(others), reportingController: fields.reportingComponent ?? "" };
  },
};

/** Columns of both forms: the events of v1 are what is looked at. */
const stored = (event: KubeObject): KubeObject =>
  event.apiVersion === "events.k8s.io/v1" ? eventForm.toStored(event) : event;

function lastOf(event: KubeObject): unknown {
  const { series, lastTimestamp, firstTimestamp, eventTime } = stored(event);
  if (isFields(series)) return series.lastObservedTime;
  return lastTimestamp ?? firstTimestamp ?? eventTime;
}

export const eventTable = table([
  {
    name: "Last Seen",
    description: "When it happened last.",
    cell: (event, now) => age(lastOf(event), now),
  },
  { name: "Type", description: "Normal or Warning.", cell: ({ type }) => text(type) },
  { name: "Reason", description: "What happened, in a word.", cell: ({ reason }) => text(reason) },
  {
    name: "Object",
    description: "What it happened to.",
    cell(event) {
      const { kind, name } = at(stored(event).involvedObject);
      return text(name) === "" ? text(kind).toLowerCase() : `${text(kind).toLowerCase()}/${text(name)}`;
    },
  },
  {
    name: "Subobject",
    wide: true,
    description: "The part that it happened to.",
    cell: (event) => text(at(stored(event).involvedObject).fieldPath),
  },
  {
    name: "Source",
    wide: true,
    description: "Who says so.",
    cell(event) {
      const { source, reportingComponent, reportingInstance } = stored(event);
      const { component, host } = at(source);
      const who = text(component) || text(reportingComponent);
      const where = text(component) === "" ? text(reportingInstance) : text(host);
      return [who, where].filter((part) => part !== "").join(", ");
    },
  },
  { name: "Message", description: "What happened.", cell: (event) => text(stored(event).message).trim() },
  {
    name: "First Seen",
    wide: true,
    description: "When it happened first.",
    cell(event, now) {
      const { firstTimestamp, eventTime } = stored(event);
      return age(firstTimestamp ?? eventTime, now);
    },
  },
  {
    name: "Count",
    wide: true,
    type: "string",
    description: "How often.",
    cell(event) {
      const { series, count } = stored(event);
      return isFields(series) ? number(series.count, 1) : number(count, 1) || 1;
    },
  },
  {
    name: "Name",
    wide: true,
    format: "name",
    description: "The event's name.",
    cell: ({ metadata }) => metadata.name,
  },
]);
