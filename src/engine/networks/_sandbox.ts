/** Sandboxes: opened with everything that the rows say, closed with everything that was made. */
import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { errno } from "../../kernel/errno.ts";
import { links } from "../../kernel/netlink-dump.ts";
import { SampanError } from "../../base/errors.ts";
import { assign } from "./_assign.ts";
import { option } from "./_config.ts";
import {
  endpointSteps,
  gatewayJoint,
  namespaceSteps,
  removeSteps,
  routeSteps,
  vethName,
  type Joint,
} from "./_endpoint.ts";
import { endpointInfo } from "./_info.ts";
import { nameServerOf } from "./_names.ts";
import type { PublishedPorts, Sandbox, SandboxOwner } from "./networks.ts";
import { sandboxPath, type Parts } from "./_parts.ts";
import { claimPorts, wishesOf } from "./_ports.ts";
import type { SandboxRow } from "./_rows.ts";

/** Joined by the launcher, which is started in the host's namespace. */
const hostNamespace = "/proc/self/ns/net";

/** Endpoints of a container with their networks. */
export function jointsOf({ rows }: Pick<Parts, "rows">, container: string): Joint[] {
  const networks = rows.networks();
  return rows.endpointsOf(container).flatMap((endpoint) => {
    const network = networks.find(({ id }) => id === endpoint.network);
    return network ? [{ network, endpoint }] : [];
  });
}

const isOpen = ({ endpoint }: Joint): boolean => endpoint.device !== null;

export function sandboxOf(parts: Parts, row: SandboxRow): Sandbox {
  const joints = jointsOf(parts, row.container).filter(isOpen);
  const servers = joints.toSorted((a, b) => Number(a.network.internal) - Number(b.network.internal));
  return {
    path: row.path,
    endpoints: joints.map(({ network, endpoint }) => endpointInfo(network, endpoint)),
    ports: row.ports,
    nameservers: servers.flatMap(({ network }) => nameServerOf(network) ?? []).slice(0, 3),
  };
}

export async function openSandbox(
  parts: Parts,
  owner: SandboxOwner,
  ports: PublishedPorts,
): Promise<Sandbox> {
  await parts.closing.get(owner.id);
  const before = parts.rows.sandbox(owner.id);
  if (before && isWhole(parts, before)) return sandboxOf(parts, before);
  // What a killed process left half made.
  if (before) await closeSandbox(parts, owner.id);
  const wishes = wishesOf(ports);
  const host = parts.rows
    .endpointsOf(owner.id)
    .some(({ network }) =>
      parts.rows.networks().some(({ id, driver }) => id === network && driver === "host"),
    );
  const path = host ? hostNamespace : sandboxPath(parts, owner.id);
  const joints = parts.rows.transaction(() => {
    parts.rows.addSandbox({ container: owner.id, path, ports: {}, dns: owner.dns ?? [] });
    return parts.rows.endpointsOf(owner.id).map((row) => assign(parts.rows, row, owner));
  });
  try {
    if (!host) await build(parts, { owner, joints, path, publishes: wishes.length > 0 });
    if (wishes.length > 0 && !host) await publish(parts, { owner, joints, wishes });
    if (joints.some(isOpen)) await parts.names.update();
  } catch (error) {
    await closeSandbox(parts, owner.id);
    throw SampanError.wrap(`cannot open the network of container "${owner.name}"`, error);
  }
  return sandboxOf(parts, parts.rows.sandbox(owner.id) ?? { container: owner.id, path, ports: {}, dns: [] });
}

/** Every device that it should have is there. */
export function isWhole(parts: Parts, row: SandboxRow): boolean {
  if (row.path === hostNamespace) return true;
  if (!isNamespace(row.path)) return false;
  const joints = jointsOf(parts, row.container);
  const names = new Set(links().map(({ name }) => name));
  return joints.every(
    ({ network, endpoint }) =>
      network.driver !== "bridge" || (endpoint.device !== null && names.has(vethName(endpoint.id))),
  );
}

/** Whether a namespace is mounted there: a file of another file system than its folder's. */
export function isNamespace(path: string): boolean {
  return existsSync(path) && statSync(path).dev !== statSync(dirname(path)).dev;
}

async function build(
  parts: Parts,
  {
    owner,
    joints,
    path,
    publishes,
  }: { owner: SandboxOwner; joints: readonly Joint[]; path: string; publishes: boolean },
): Promise<void> {
  const open = joints.filter(isOpen);
  if (open.length > 0) await parts.host.ensureRules();
  const make = async () => {
    const steps = await Promise.all(
      open.map(async (joint) =>
        endpointSteps(joint, { bridge: await parts.host.bridge(joint.network), publishes }),
      ),
    );
    await parts.door.make(path, [...namespaceSteps, ...steps.flat(), ...routeSteps(open)]);
  };
  try {
    await make();
  } catch (error) {
    if (open.length === 0) throw error;
    // A bridge that somebody took away is made again, once; what the first attempt made goes first.
    await parts.door.remove(
      path,
      open.flatMap(({ endpoint }) => removeSteps(endpoint)),
    );
    open.forEach(({ network }) => parts.host.forget(String(network.device)));
    if (!isGone(error)) throw SampanError.wrap(`container "${owner.id.slice(0, 12)}"`, error);
    await make();
  }
}

/** What the kernel says of a bridge that is not there: its index means nothing, or something else. */
function isGone(error: unknown): boolean {
  const text = error instanceof Error ? error.message : "";
  return /no such device|invalid argument/i.test(text) || text.includes(String(errno.ENODEV));
}

async function publish(
  parts: Parts,
  {
    owner,
    joints,
    wishes,
  }: { owner: SandboxOwner; joints: readonly Joint[]; wishes: ReturnType<typeof wishesOf> },
): Promise<void> {
  const four = gatewayJoint(joints, 4);
  const six = gatewayJoint(joints, 6);
  const made = await claimPorts(parts.rows, wishes, {
    container: owner.id,
    ipv4: four?.endpoint.ipv4 ?? undefined,
    ipv6: six?.endpoint.ipv6 ?? undefined,
    hostAddress: four?.network.options[option.hostAddress] || undefined,
  });
  const row = parts.rows.sandbox(owner.id);
  if (row) parts.rows.addSandbox({ ...row, ports: made.made });
  await parts.host.addPorts(made.rows);
}

/** Idempotent. The rows go last, so that what is cut off is done again. */
export async function closeSandbox(parts: Parts, container: string): Promise<void> {
  const row = parts.rows.sandbox(container);
  if (!row) return;
  const endpoints = parts.rows.endpointsOf(container).filter(({ device }) => device !== null);
  const ports = parts.rows.portsOf(container);
  parts.rows.transaction(() => parts.rows.removePorts(container));
  await parts.host.removePorts(ports);
  if (row.path !== hostNamespace) await parts.door.remove(row.path, endpoints.flatMap(removeSteps));
  parts.rows.transaction(() => {
    parts.rows.closeEndpoints(container);
    parts.rows.removeSandbox(container);
  });
  if (endpoints.length > 0) await parts.names.update();
}
