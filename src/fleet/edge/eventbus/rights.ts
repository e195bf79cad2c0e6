/** Who may publish and subscribe what. A filter of a right may hold `%u` (the user) and `%c` (the client's id) as a level or a part of one. */

export interface Rights {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export interface Who {
  readonly user: string;
  readonly client: string;
}

/** A name that would mean something in a filter is put into none. */
const dangerous = /[+#/]/;

function fill(filter: string, { user, client }: Who): string | undefined {
  if (
    (filter.includes("%u") && (user === "" || dangerous.test(user))) ||
    (filter.includes("%c") && dangerous.test(client))
  )
    return undefined;
  return filter.replaceAll("%u", () => user).replaceAll("%c", () => client);
}

/**
 * Whether all that `wanted` matches is matched by `allowed`: both are filters, a topic is one without wildcards. Wildcards at the beginning do not match topics that begin with `$`
 * (MQTT 3.1.1, 4.7.2), neither in what is allowed nor in what is wanted.
 */
export function covers(allowed: string, wanted: string): boolean {
  if (wanted.startsWith("$") && /^[+#]/.test(allowed)) return false;
  const [has, wants] = [allowed.split("/"), wanted.split("/")];
  for (const [index, level] of has.entries()) {
    if (level === "#") return true;
    const want = wants[index];
    if (want === undefined || want === "#") return false;
    if (level !== "+" && level !== want) return false;
  }
  return has.length === wants.length;
}

export function mayPublish(rights: Rights, topic: string, who: Who): boolean {
  return some(rights.publish, topic, who);
}

export function maySubscribe(rights: Rights, filter: string, who: Who): boolean {
  return some(rights.subscribe, filter, who);
}

function some(filters: readonly string[], wanted: string, who: Who): boolean {
  return filters.some((filter) => {
    const filled = fill(filter, who);
    return filled !== undefined && covers(filled, wanted);
  });
}

const reserved = [
  "$SYS/#",
  "$hw/events/device/+/twin/update/+",
  "$hw/events/device/+/+/twin/update/+",
  "$hw/events/device/+/twin/get/result",
  "$hw/events/device/+/+/twin/get/result",
  "$hw/events/device/+/twin/cloud_updated",
  "$hw/events/device/+/+/twin/cloud_updated",
  "$hw/events/device/+/state/update/result",
  "$hw/events/device/+/+/state/update/result",
  "$hw/events/device/+/updated",
  "$hw/events/device/+/+/updated",
  "$hw/events/node/+/membership/get/result",
  "$hw/events/node/+/membership/updated",
  "$hw/events/node/+/authInfo/#",
];

/** What only this node itself says to its clients: an answer of the twin, and what stands for the cloud. */
export function isReserved(topic: string): boolean {
  return topic.startsWith("$") && reserved.some((filter) => covers(filter, topic));
}
