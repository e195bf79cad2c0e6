/**
 * What a Rule means, checked once: which of the four joints it is, with the places on both sides. A rule that means nothing is refused with a reason, which stands in its status.
 *
 * | source → target | sourceResource | targetResource |
 * |---|---|---|
 * | rest → eventbus | path | topic |
 * | rest → servicebus | path | path (with `service_port` of the endpoint) |
 * | eventbus → rest | topic, node_name | resource (URL) |
 * | servicebus → rest | target_url, node_name | resource (URL) |
 */
import { invalid } from "../../../base/errors.ts";
import { hasControl } from "../../link/json.ts";
import { isFilter, isTopic } from "../../link/mqtt-topics.ts";
import { isNodeName } from "../../link/resources.ts";
import { ruleChange, ruleEndpointChange, ruleEnds, type RuleSpec } from "../../link/kinds/rules.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { parsePattern, type PathPattern } from "./paths.ts";

interface Common {
  /** `default/r1` */
  readonly key: string;
  readonly namespace: string;
}

export interface ToTopic extends Common {
  readonly kind: "rest → eventbus";
  readonly path: PathPattern;
  readonly topic: string;
}

export interface ToService extends Common {
  readonly kind: "rest → servicebus";
  readonly path: PathPattern;
  readonly port: number;
  /** `/api/a` */
  readonly service: string;
}

export interface FromTopic extends Common {
  readonly kind: "eventbus → rest";
  readonly node: string;
  /** With the namespace in front, as the edge subscribes to it. */
  readonly filter: string;
  readonly url: string;
}

export interface FromService extends Common {
  readonly kind: "servicebus → rest";
  readonly node: string;
  /** What local applications name. */
  readonly target: string;
  readonly url: string;
}

export type Inward = ToTopic | ToService;
export type Outward = FromTopic | FromService;
export type CompiledRule = Inward | Outward;

type FindEndpoint = (name: string) => KubeObject | undefined;

/** @throws SampanError invalid_argument, not_found for an endpoint that is missing. */
export function compileRule(object: KubeObject, find: FindEndpoint): CompiledRule {
  const { metadata, spec } = ruleChange.parse(object, "the rule");
  const { namespace = "" } = metadata;
  if (!spec) throw invalid("cannot use the rule: it has no spec");
  const common = { key: `${namespace}/${metadata.name ?? ""}`, namespace };
  const [source, target] = [endpoint(find, spec.source), endpoint(find, spec.target)];
  const isKnown = ruleEnds.some(
    ([from, to]) => from === source.ruleEndpointType && to === target.ruleEndpointType,
  );
  if (!isKnown)
    throw invalid(
      `cannot use the rule: it joins ${source.ruleEndpointType} to ${target.ruleEndpointType}, wanted one of ${ruleEnds.map((ends) => ends.join(" to ")).join(", ")}`,
    );
  switch (source.ruleEndpointType) {
    case "rest": {
      const path = parsePattern(word(spec, "sourceResource", "path"));
      return target.ruleEndpointType === "eventbus"
        ? { ...common, kind: "rest → eventbus", path, topic: topicOf(word(spec, "targetResource", "topic")) }
        : { ...common, kind: "rest → servicebus", path, ...serviceOf(spec, target.properties) };
    }
    case "eventbus":
      return {
        ...common,
        kind: "eventbus → rest",
        node: nodeOf(spec),
        filter: filterOf(namespace, word(spec, "sourceResource", "topic")),
        url: urlOf(word(spec, "targetResource", "resource")),
      };
    case "servicebus":
      return {
        ...common,
        kind: "servicebus → rest",
        node: nodeOf(spec),
        target: word(spec, "sourceResource", "target_url"),
        url: urlOf(word(spec, "targetResource", "resource")),
      };
  }
}

function endpoint(find: FindEndpoint, name: string) {
  const object = find(name);
  if (!object) throw invalid(`cannot use the rule: there is no endpoint "${name}" in its namespace`);
  const { spec } = ruleEndpointChange.parse(object, `endpoint "${name}"`);
  if (!spec) throw invalid(`cannot use the rule: endpoint "${name}" has no spec`);
  return spec;
}

function word(spec: RuleSpec, side: "sourceResource" | "targetResource", name: string): string {
  const map = spec[side];
  const value = Object.hasOwn(map, name) ? map[name] : undefined;
  if (value === undefined || value === "") throw invalid(`cannot use the rule: ${side}.${name} is missing`);
  if (hasControl(value)) throw invalid(`cannot use the rule: ${side}.${name} holds a control character`);
  return value;
}

function nodeOf(spec: RuleSpec): string {
  const node = word(spec, "sourceResource", "node_name");
  if (!isNodeName(node))
    throw invalid(`cannot use the rule: ${JSON.stringify(node.slice(0, 80))} is no name of a node`);
  return node;
}

function topicOf(topic: string): string {
  if (!isTopic(topic) || topic.startsWith("$"))
    throw invalid(
      `cannot use the rule: ${JSON.stringify(topic.slice(0, 80))} is no topic for applications, wanted one without + and # that does not begin with $`,
    );
  return topic;
}

/** A rule listens below its namespace only: not to what devices and other namespaces say. */
function filterOf(namespace: string, topic: string): string {
  const filter = `${namespace}/${topic.replace(/^\//, "")}`;
  if (!isFilter(filter))
    throw invalid(`cannot use the rule: ${JSON.stringify(topic.slice(0, 80))} is no topic to listen to`);
  return filter;
}

function serviceOf(spec: RuleSpec, properties: Readonly<Record<string, string>> = {}) {
  const text = Object.hasOwn(properties, "service_port") ? (properties["service_port"] ?? "") : "";
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535)
    throw invalid(
      `cannot use the rule: service_port of its target is ${JSON.stringify(text)}, wanted a port`,
    );
  const path = word(spec, "targetResource", "path");
  if (!/^\/?[\w\-.~!$&'()*+,;=:@%/]*$/.test(path) || path.split("/").includes(".."))
    throw invalid(`cannot use the rule: ${JSON.stringify(path.slice(0, 80))} is no path of a service`);
  return { port, service: path.startsWith("/") ? path : `/${path}` };
}

function urlOf(text: string): string {
  const url = URL.parse(text);
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw invalid(`cannot use the rule: ${JSON.stringify(text.slice(0, 80))} is no address of http or https`);
  if (url.username !== "" || url.password !== "")
    throw invalid(
      "cannot use the rule: its address holds a password, which everybody would see who may read rules",
    );
  return url.href;
}

/** Whether a topic is one that a filter means. https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html, 4.7 */
export function topicFits(filter: string, topic: string): boolean {
  const [wanted, given] = [filter.split("/"), topic.split("/")];
  for (const [index, level] of wanted.entries()) {
    if (level === "#") return true;
    if (given[index] === undefined || (level !== "+" && level !== given[index])) return false;
  }
  return wanted.length === given.length;
}

/** What an edge has to know of a rule: an operation pair and its resource, as one text. */
export function listensTo(rule: CompiledRule): Listening | undefined {
  if (rule.kind === "eventbus → rest") return { node: rule.node, bus: "eventbus", resource: rule.filter };
  if (rule.kind === "servicebus → rest") return { node: rule.node, bus: "servicebus", resource: rule.target };
  return undefined;
}

export interface Listening {
  readonly node: string;
  readonly bus: "eventbus" | "servicebus";
  readonly resource: string;
}
