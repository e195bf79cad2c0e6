/** Networks that tell listeners what happens to them, in Docker's words. A container comes to its networks when its sandbox opens, and leaves them when it closes. */
import type { Events } from "../events/events.ts";
import type { Endpoint, Networks } from "./networks.ts";

export function toldNetworks<Told extends Networks>(networks: Told, events: Pick<Events, "emit">): Told {
  // A name never changes, and looking at a network with hundreds of containers in it takes longer than telling of one.
  const known = new Map<string, Readonly<Record<string, string>>>();
  const attributesOf = (id: string) => {
    const there = known.get(id);
    if (there) return there;
    const { name, driver } = networks.get(id);
    const attributes = { name, type: driver };
    known.set(id, attributes);
    return attributes;
  };
  const tell = (action: string, id: string, more: Readonly<Record<string, string>> = {}) =>
    events.emit({ type: "network", action, id, attributes: { ...attributesOf(id), ...more } });
  const tellAll = (action: string, endpoints: readonly Endpoint[]) => {
    for (const { network, container } of endpoints) tell(action, network, { container });
  };
  const told: Networks = {
    ...networks,
    async create(request) {
      const info = await networks.create(request);
      tell("create", info.id);
      return info;
    },
    async remove(reference) {
      const { id } = networks.get(reference);
      attributesOf(id);
      await networks.remove(id);
      tell("destroy", id);
      known.delete(id);
    },
    async connect(network, container, asked) {
      const endpoint = await networks.connect(network, container, asked);
      if (networks.sandbox(container.id)) tell("connect", endpoint.network, { container: container.id });
      return endpoint;
    },
    async disconnect(network, container, options) {
      const { id } = networks.get(network);
      const runs = networks.sandbox(container) !== undefined;
      await networks.disconnect(id, container, options);
      if (runs) tell("disconnect", id, { container });
    },
    async open(owner, ports, signal) {
      const wasOpen = networks.sandbox(owner.id) !== undefined;
      const sandbox = await networks.open(owner, ports, signal);
      if (!wasOpen && !owner.cni) tellAll("connect", sandbox.endpoints);
      return sandbox;
    },
    async close(container) {
      const isOurs = networks.cni.attachment(container) === undefined;
      const endpoints = (isOurs && networks.sandbox(container)?.endpoints) || [];
      // A network may be removed while its last container leaves.
      for (const { network } of endpoints) attributesOf(network);
      await networks.close(container);
      tellAll("disconnect", endpoints);
    },
  };
  return told as Told;
}
