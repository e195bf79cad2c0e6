/** The topics of EventBus, by which devices and local applications speak with an edge. The id of a device in them has either form: see device-id.ts. */
import { invalid } from "../../base/errors.ts";
import { hasControl } from "./json.ts";
import { formatDeviceId, isLevel, parseDeviceId, type DeviceRef } from "./device-id.ts";
import type { Traits } from "./versions.ts";

/** Behind `$hw/events/device/<id>/`. */
export const deviceTails = [
  "twin/update",
  "twin/update/result",
  "twin/update/document",
  "twin/update/delta",
  "twin/get",
  "twin/get/result",
  "twin/cloud_updated",
  "state/update",
  "state/update/result",
  "updated",
] as const;

/** Behind `$hw/events/node/<node>/`. */
export const nodeTails = [
  "membership/get",
  "membership/get/result",
  "membership/updated",
  "authInfo/get/result",
] as const;

export type Topic =
  | { readonly is: "device"; readonly device: DeviceRef; readonly what: (typeof deviceTails)[number] }
  | { readonly is: "node"; readonly node: string; readonly what: (typeof nodeTails)[number] }
  /** Whatever is published there goes to the cloud's Router, as does what a rule names. */
  | { readonly is: "other"; readonly topic: string };

const devices = "$hw/events/device/";
const nodes = "$hw/events/node/";
const most = 4096;

/** A topic that something can be published to. */
export function isTopic(text: string): boolean {
  return text !== "" && text.length <= most && !/[+#]/.test(text) && !hasControl(text);
}

/** A filter that can be subscribed to: a wildcard stands alone in its level, `#` in the last. */
export function isFilter(text: string): boolean {
  if (text === "" || text.length > most || hasControl(text)) return false;
  const levels = text.split("/");
  return levels.every(
    (level, index) => !/[+#]/.test(level) || level === "+" || (level === "#" && index === levels.length - 1),
  );
}

/**
 * Which topic was published to.
 * @throws SampanError invalid_argument for what is no topic, and for one below `$hw/events/device/` or `$hw/events/node/` that has no meaning.
 */
export function parseTopic(text: string): Topic {
  if (!isTopic(text)) throw fault(text, "wildcards, control characters and 4096 characters are too much");
  if (text.startsWith(devices)) {
    const [id, what] = split(text, devices, deviceTails);
    return { is: "device", device: parseDeviceId(id), what };
  }
  if (text.startsWith(nodes)) {
    const [node, what] = split(text, nodes, nodeTails);
    if (!isLevel(node)) throw fault(text, "its node is none");
    return { is: "node", node, what };
  }
  return { is: "other", topic: text };
}

/** What stands between `head` and the tail that the topic ends with. No tail is the end of another, but for `updated`, which is alone. */
function split<const T extends string>(
  text: string,
  head: string,
  tails: readonly T[],
): [middle: string, tail: T] {
  const rest = text.slice(head.length);
  const tail = tails.find((each) => rest.endsWith(`/${each}`));
  if (tail === undefined) throw fault(text, "it means nothing");
  return [rest.slice(0, -tail.length - 1), tail];
}

function fault(text: string, why: string) {
  return invalid(`cannot read topic ${JSON.stringify(text.slice(0, 80))}: ${why}`);
}

/** @throws SampanError invalid_argument when a name does not fit into one level. */
export function formatTopic(topic: Topic): string {
  if (topic.is === "device") return `${devices}${formatDeviceId(topic.device)}/${topic.what}`;
  const text = topic.is === "node" ? `${nodes}${topic.node}/${topic.what}` : topic.topic;
  if (parseTopic(text).is !== topic.is) throw fault(text, "it is reserved");
  return text;
}

const always = [
  "$hw/events/upload/#",
  "$hw/events/node/+/membership/get",
  "SYS/dis/upload_records",
  "+/user/#",
];

/** What an edge subscribes to when it starts; rules add more. */
export function subscriptions({ deviceId }: Pick<Traits, "deviceId">): readonly string[] {
  const device = deviceId === "namespaced" ? `${devices}+/+` : `${devices}+`;
  return [...always, `${device}/state/update`, `${device}/twin/+`];
}
