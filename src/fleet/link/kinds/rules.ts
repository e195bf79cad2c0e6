/** Rules of the Router and their ends, rules.kubeedge.io/v1. Parts of a cloud tell each other of them; of rules an edge sees only what user.ts has. */
import { line, list, map, natural, needed, oneOf, open, optional, text } from "../codec.ts";
import { kind } from "./kind.ts";
import { common, objectName, type Kube } from "./kube.ts";

export interface RuleSpec {
  /** Names of endpoints in the rule's namespace. */
  readonly source: string;
  readonly target: string;
  /** What they mean is the endpoints': a path, a topic, a URL, a node. */
  readonly sourceResource: Readonly<Record<string, string>>;
  readonly targetResource: Readonly<Record<string, string>>;
}

export interface RuleStatus {
  readonly successMessages?: number;
  readonly failMessages?: number;
  readonly errors?: readonly string[];
}

export interface Rule extends Kube {
  readonly spec?: RuleSpec;
  readonly status?: RuleStatus;
}

export const endpointTypes = ["rest", "eventbus", "servicebus"] as const;
export type EndpointType = (typeof endpointTypes)[number];

export interface RuleEndpointSpec {
  readonly ruleEndpointType: EndpointType;
  /** Of a service bus: `service_port`. */
  readonly properties?: Readonly<Record<string, string>>;
}

export interface RuleEndpoint extends Kube {
  readonly spec?: RuleEndpointSpec;
}

/** Addresses reach MQTT, HTTP and logs: one line each. */
const addresses = map(line());

const ruleSpec = open<RuleSpec>({
  source: needed(objectName),
  target: needed(objectName),
  sourceResource: needed(addresses),
  targetResource: needed(addresses),
});

const ruleStatusFields = open<RuleStatus>({
  successMessages: optional(natural),
  failMessages: optional(natural),
  errors: optional(list(text)),
});

const endpointSpec = open<RuleEndpointSpec>({
  ruleEndpointType: needed(oneOf(...endpointTypes)),
  properties: optional(addresses),
});

const rule = open<Rule>({ ...common, spec: optional(ruleSpec), status: optional(ruleStatusFields) });
const changes = ["insert", "update", "delete"] as const;

export const ruleChange = kind<Rule>("rule", {
  way: "down",
  on: { operation: changes, type: "rule", answer: false },
  content: rule,
});

export const ruleEndpointChange = kind<RuleEndpoint>("end of a rule", {
  way: "down",
  on: { operation: changes, type: "ruleendpoint", answer: false },
  content: open<RuleEndpoint>({ ...common, spec: optional(endpointSpec) }),
});

/** The counts of a rule. */
export const ruleStatus = kind<Rule>("status of a rule", {
  way: "up",
  on: { operation: ["update", "patch"], type: "rulestatus" },
  content: rule,
});

/** Which ends a rule may join; KubeEdge's admission refuses others. */
export const ruleEnds: readonly (readonly [source: EndpointType, target: EndpointType])[] = [
  ["rest", "eventbus"],
  ["rest", "servicebus"],
  ["eventbus", "rest"],
  ["servicebus", "rest"],
];
