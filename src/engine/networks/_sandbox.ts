/** Sandboxes: opened with everything that the rows say, closed with everything that was made. */
import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { linkNamed } from "../../kernel/netlink-dump.ts";
import { SampanError } from "../../base/errors.ts";
import { assign } from "./_assign.ts";
import { buildByCni, cniEndpoint } from "./_cni-sandbox.ts";
import { hasNames, hostAddressOf } from "./_config.ts";
import {
  endpointSteps,
  gatewayJoint,
  namespaceSteps,
  removeSteps,
  routeSteps,
  vethName,
  type Joint,
} from "./_endpoint.ts";
import type { Step } from "./door.ts";
import { endpointInfo } from "./_info.ts";
import { nameServerOf } from "./_names.ts";
import { loopbackServer, nameSteps, namesJoint } from "./_nameserver.ts";
import type { PublishedPorts, Sandbox, SandboxOwner } from "./networks.ts";
import { sandboxPath, type Parts } from "./_parts.ts";
import { claimPorts, wishesOf } from "./_ports.ts";
import { brief, isHeld, type EndpointRow, type PortRow, type SandboxRow } from "./_rows.ts";

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
  const attachment = parts.cni.attachment(row.container);
  if (attachment)
    return {
      path: row.path,
      endpoints: [cniEndpoint(row.container, attachment)],
      ports: row.ports,
      nameservers: [],
    };
  const joints = jointsOf(parts, row.container).filter(isOpen);
  return {
    path: row.path,
    endpoints: joints.map(({ network, endpoint }) => endpointInfo(network, endpoint)),
    ports: row.ports,
    nameservers: parts.host.firewall && namesJoint(joints) ? [loopbackServer] : serversOf(joints),
  };
}

/** Where nothing may be redirected, or there is no IPv4: the bridges themselves. */
function serversOf(joints: readonly Joint[]): string[] {
  const servers = joints.toSorted((a, b) => Number(a.network.internal) - Number(b.network.internal));
  return servers.flatMap(({ network }) => nameServerOf(network) ?? []).slice(0, 3);
}

/** Where a sandbox's packets and questions go by these open endpoints; the same again changes nothing. */
export const pathSteps = (
  { host }: Pick<Parts, "host">,
  joints: readonly Joint[],
  { fresh = false }: { fresh?: boolean } = {},
): Step[] => [...routeSteps(joints), ...(host.firewall ? nameSteps(joints, { fresh }) : [])];

export async function openSandbox(
  parts: Parts,
  owner: SandboxOwner,
  ports: PublishedPorts,
  signal?: AbortSignal,
): Promise<Sandbox> {
  await parts.closing.get(owner.id);
  const before = parts.rows.sandbox(owner.id);
  const isAttached = owner.cni === undefined || parts.cni.attachment(owner.id) !== undefined;
  if (before && isAttached && isWhole(parts, before)) return sandboxOf(parts, before);
  // What a killed process left half made.
  if (before) await closeWhole(parts, owner.id);
  const again = before !== undefined;
  if (owner.cni) return await openByCni(parts, { owner, cni: owner.cni, published: ports, again, signal });
  const wishes = wishesOf(ports);
  const host = parts.rows
    .endpointsOf(owner.id)
    .some(({ network }) =>
      parts.rows.networks().some(({ id, driver }) => id === network && driver === "host"),
    );
  const path = host ? hostNamespace : sandboxPath(parts, owner.id);
  const joints = parts.rows.transaction(() => {
    parts.rows.addSandbox({
      container: owner.id,
      path,
      ports: {},
      dns: owner.dns && owner.dns.length > 0 ? owner.dns : parts.dns,
    });
    return parts.rows.endpointsOf(owner.id).map((row) => assign(parts.rows, row, owner));
  }, brief);
  try {
    if (!host) {
      const ports = await claim(parts, { owner, joints, wishes });
      // nft is a process of its own: it works while the launcher does.
      const rules = parts.host.addPorts(ports);
      rules.catch(() => {});
      await build(parts, { joints, path, ...(owner.user !== undefined && { user: owner.user }) });
      await rules;
    }
    if (joints.some((joint) => isOpen(joint) && hasNames(joint.network))) await parts.names.update();
  } catch (error) {
    await closeWhole(parts, owner.id);
    throw SampanError.wrap(`cannot open the network of container "${owner.name}"`, error);
  }
  return sandboxOf(parts, parts.rows.sandbox(owner.id) ?? { container: owner.id, path, ports: {}, dns: [] });
}

async function openByCni(parts: Parts, asked: Parameters<typeof buildByCni>[1]): Promise<Sandbox> {
  const { id } = asked.owner;
  try {
    await buildByCni(parts, asked);
  } catch (error) {
    // What DEL cannot take away now is tried again by the next stop or restore.
    await closeWhole(parts, id).catch(() => {});
    throw error;
  }
  const row = parts.rows.sandbox(id);
  if (row) return sandboxOf(parts, row);
  throw new SampanError(
    "aborted",
    `cannot open the network of "${asked.owner.name}": it was closed meanwhile`,
  );
}

/** Every device that it should have is there. */
export function isWhole(parts: Parts, row: SandboxRow): boolean {
  if (row.path === hostNamespace) return true;
  if (!isNamespace(row.path)) return false;
  return jointsOf(parts, row.container).every(
    ({ network, endpoint }) =>
      network.driver !== "bridge" ||
      (endpoint.device !== null && linkNamed(vethName(endpoint.id)) !== undefined),
  );
}

/** Whether a namespace is mounted there: a file of another file system than its folder's. */
export function isNamespace(path: string): boolean {
  return existsSync(path) && statSync(path).dev !== statSync(dirname(path)).dev;
}

async function build(
  parts: Parts,
  { joints, path, user }: { joints: readonly Joint[]; path: string; user?: string },
): Promise<void> {
  const open = joints.filter(isOpen);
  if (open.length > 0) await parts.host.ensureRules();
  const make = async () => {
    const steps = await Promise.all(
      open.map(async (joint) => endpointSteps(joint, await parts.host.bridge(joint.network))),
    );
    const all = [...namespaceSteps, ...steps.flat(), ...pathSteps(parts, open, { fresh: true })];
    await parts.door.make(path, all, user);
  };
  try {
    await make();
  } catch (error) {
    // A bridge that somebody took away is made again, once; what the first attempt made goes first.
    if (!(await lostBridges(parts, open))) throw error;
    await parts.door.remove(
      path,
      open.flatMap(({ endpoint }) => removeSteps(endpoint)),
    );
    await make();
  }
}

/** Forgets those bridges that are not what they were taken for any more; whether there are any. */
async function lostBridges({ host }: Parts, open: readonly Joint[]): Promise<boolean> {
  let lost = false;
  for (const { network } of open) {
    const device = String(network.device);
    if (linkNamed(device)?.index === (await host.bridge(network))) continue;
    host.forget(device);
    lost = true;
  }
  return lost;
}

async function claim(
  { rows, host, publishAddress }: Parts,
  {
    owner,
    joints,
    wishes,
  }: { owner: SandboxOwner; joints: readonly Joint[]; wishes: ReturnType<typeof wishesOf> },
): Promise<readonly PortRow[]> {
  if (wishes.length === 0) return [];
  if (!host.firewall)
    throw new SampanError(
      "failed_precondition",
      "cannot publish ports: the settings say that this engine makes no rules ([network] firewall = false)",
    );
  const four = gatewayJoint(joints, 4);
  const made = await claimPorts(rows, wishes, {
    container: owner.id,
    ipv4: four?.endpoint.ipv4 ?? undefined,
    ipv6: gatewayJoint(joints, 6)?.endpoint.ipv6 ?? undefined,
    hostAddress: hostAddressOf(four?.network) ?? publishAddress,
  });
  const row = rows.sandbox(owner.id);
  if (row) rows.addSandbox({ ...row, ports: made.made });
  return made.rows;
}

/**
 * Idempotent. First what leads there: ports, names, and the mount that holds the namespace. The kernel takes the devices away by itself then, those of many namespaces at
 * once, which is much cheaper than one after the other; so the addresses are free, and the promise `gone` resolves, some moments later. The rows go last: what is cut off
 * is done again.
 */
export async function closeSandbox(parts: Parts, container: string): Promise<{ gone: Promise<void> }> {
  const { rows } = parts;
  const row = rows.sandbox(container);
  if (!row) return { gone: Promise.resolve() };
  // Plug-ins take theirs away while the namespace is there; if they cannot, it stays for the next attempt.
  await parts.cni.detach(container, isNamespace(row.path) ? row.path : undefined);
  const joints = jointsOf(parts, container);
  const ports = rows.portsOf(container);
  rows.transaction(() => {
    rows.removePorts(container);
    rows.leaveEndpoints(container);
  }, brief);
  await parts.host.removePorts(ports);
  if (row.path !== hostNamespace) await parts.door.remove(row.path, []);
  if (joints.some((joint) => isOpen(joint) && hasNames(joint.network))) await parts.names.update();
  return { gone: forget(parts, container) };
}

const poll = 5;
const patience = 1000;

async function forget(parts: Parts, container: string): Promise<void> {
  const { rows } = parts;
  for (const endpoint of rows.endpointsOf(container).filter(isHeld)) await vanished(parts, endpoint);
  rows.transaction(() => {
    rows.closeEndpoints(container);
    rows.removeSandbox(container);
  }, brief);
}

/** Somebody else may be in the namespace still: then its devices are taken away from it. */
async function vanished(parts: Parts, endpoint: EndpointRow): Promise<void> {
  const end = performance.now() + patience;
  while (linkNamed(vethName(endpoint.id)) !== undefined) {
    if (performance.now() > end) return parts.door.host(removeSteps(endpoint));
    await Bun.sleep(poll);
  }
}

/** Until nothing is left. */
export async function closeWhole(parts: Parts, container: string): Promise<void> {
  const { gone } = await closeSandbox(parts, container);
  await gone;
}
