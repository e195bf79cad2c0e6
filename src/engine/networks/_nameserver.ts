/**
 * 127.0.0.11, where a container of a user-defined network finds names, whichever networks it is in: what it sends there goes on to the resolver at a bridge's address. Pure.
 *
 * A packet to a loopback address comes from 127.0.0.1, and no device takes such a packet out unless it is allowed to bring such packets in as well (route_localnet). So a local
 * route gives what is sent there the source that the container has on that bridge, and it is an ordinary question of a neighbour by the time it leaves.
 */
import { setLocalSource } from "../../kernel/netlink-address.ts";
import { setRedirect } from "../../kernel/netlink-rules.ts";
import { bytesOf, parseAddress } from "./_addresses.ts";
import { gatewayOf, hasNames } from "./_config.ts";
import type { Step } from "./door.ts";
import type { Joint } from "./_endpoint.ts";

/** As Docker has it. */
export const loopbackServer = "127.0.0.11";
const port = 53;
const LOOPBACK = 1;
/** In the container's own namespace; whoever may change rules there may change this one. */
const table = "sampan";

/** Of the open endpoints of a sandbox, which one leads to names: one that also answers for what is outside, where there is one. */
export function namesJoint(joints: readonly Joint[]): Joint | undefined {
  const usable = joints.filter(
    ({ network, endpoint }) =>
      hasNames(network) && gatewayOf(network, 4) !== undefined && endpoint.ipv4 !== null,
  );
  return usable.find(({ network }) => !network.internal) ?? usable[0];
}

/** Makes 127.0.0.11 lead where it should by these endpoints, or nowhere. `fresh`: in a new namespace. */
export function nameSteps(joints: readonly Joint[], { fresh = false }: { fresh?: boolean } = {}): Step[] {
  const why = `the server of names at ${loopbackServer}`;
  const joint = namesJoint(joints);
  const to = joint && gatewayOf(joint.network, 4);
  if (!joint || to === undefined) return fresh ? [] : [{ rules: { message: setRedirect(table, {}), why } }];
  const [from, server, source] = [loopbackServer, to, String(joint.endpoint.ipv4)].map((text) =>
    bytesOf(parseAddress(text)),
  ) as [Uint8Array, Uint8Array, Uint8Array];
  return [
    { inside: { message: setLocalSource(LOOPBACK, from, source), why } },
    { rules: { message: setRedirect(table, { redirect: { from, port, to: server }, fresh }), why } },
  ];
}
