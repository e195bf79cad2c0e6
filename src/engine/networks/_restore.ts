/** The host as the rows say: what runs keeps what it has, what runs no more loses it, and what belongs to nobody goes. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { links } from "../../kernel/netlink-dump.ts";
import { isVethName, endpointSteps, removeSteps, vethName } from "./_endpoint.ts";
import { deleteLink } from "../../kernel/netlink-link.ts";
import { errno } from "../../kernel/errno.ts";
import { isFresh, failuresOf, type Parts } from "./_parts.ts";
import { closeWhole, isNamespace, jointsOf, pathSteps } from "./_sandbox.ts";
import { isHeld, type EndpointRow, type SandboxRow } from "./_rows.ts";

interface Found {
  /** Sandboxes of containers that do not run. */
  readonly ended: readonly SandboxRow[];
  /** Endpoints of sandboxes that live, whose device is gone. */
  readonly lost: readonly { readonly sandbox: SandboxRow; readonly endpoint: EndpointRow }[];
  /** Sandboxes of containers that run, whose namespace is mounted no more. */
  readonly unmounted: readonly SandboxRow[];
  /** Endpoints and ports that say they are open without a sandbox. */
  readonly dangling: readonly EndpointRow[];
  readonly ports: readonly string[];
  /** Of plug-ins, without a sandbox. */
  readonly attachments: readonly string[];
  /** Files in the folder of namespaces that no row knows. */
  readonly files: readonly string[];
  /** Ports of our bridges that belong to no endpoint, by name and index. */
  readonly devices: readonly { readonly name: string; readonly index: number }[];
}

function look(parts: Parts, running: readonly string[]): Found {
  const { rows, folder } = parts;
  const sandboxes = rows.sandboxes().filter(({ container }) => !parts.closing.has(container));
  const lives = (container: string) => running.includes(container) || isFresh(parts, container);
  const alive = sandboxes.filter(
    ({ container }) => running.includes(container) && !parts.busy.has(container),
  );
  const all = links();
  const names = new Set(all.map(({ name }) => name));
  const open = rows.endpoints().filter(({ device }) => device !== null);
  const bridges = new Set(rows.networks().map(({ device }) => device));
  const ours = new Set(all.filter(({ name }) => bridges.has(name)).map(({ index }) => index));
  const known = new Set(rows.endpoints().flatMap((each) => (isHeld(each) ? vethName(each.id) : [])));
  const containers = new Set(rows.sandboxes().map(({ container }) => container));
  const files = existsSync(folder) ? readdirSync(folder) : [];
  const inNamespace = alive.filter(({ path }) => path.startsWith(folder));
  return {
    ended: sandboxes.filter(({ container }) => !lives(container)),
    unmounted: inNamespace.filter(({ path }) => !isNamespace(path)),
    lost: inNamespace
      .filter(({ path }) => isNamespace(path))
      .flatMap((sandbox) =>
        open
          .filter(({ container, id }) => container === sandbox.container && !names.has(vethName(id)))
          .map((endpoint) => ({ sandbox, endpoint })),
      ),
    dangling: rows
      .endpoints()
      .filter(isHeld)
      .filter(({ container }) => !containers.has(container)),
    ports: [...new Set(rows.ports().map(({ container }) => container))].filter(
      (each) => !containers.has(each),
    ),
    attachments: parts.cni.attached().filter((each) => !containers.has(each)),
    files: files.filter((name) => !containers.has(name)),
    devices: all.filter(({ name, master }) => isVethName(name) && ours.has(master) && !known.has(name)),
  };
}

const short = (container: string): string => container.slice(0, 12);

/** The same lines for what is wrong (audit) and what was put right (restore). */
function words(found: Found): string[] {
  return [
    ...found.ended.map(({ container }) => `sandbox of container ${short(container)}, which does not run`),
    ...found.unmounted.map(({ container }) => `namespace of container ${short(container)} is not mounted`),
    ...found.lost.map(
      ({ endpoint }) => `device ${vethName(endpoint.id)} of container ${short(endpoint.container)} is gone`,
    ),
    ...found.dangling.map(
      ({ container }) => `endpoint of container ${short(container)}, which has no sandbox`,
    ),
    ...found.ports.map((container) => `ports of container ${short(container)}, which has no sandbox`),
    ...found.attachments.map((each) => `network by CNI of ${short(each)}, which has no sandbox`),
    ...found.files.map((name) => `namespace file ${name} belongs to nothing`),
    ...found.devices.map(({ name }) => `device ${name} belongs to nothing`),
  ];
}

export async function auditNetworks(parts: Parts, running: readonly string[]): Promise<string[]> {
  await Promise.allSettled(parts.closing.values());
  const found = words(look(parts, running));
  const byPlugins = await checkByCni(parts, running);
  return [...found, ...byPlugins, ...(await parts.host.faults()), ...parts.names.faults()];
}

/** What plug-ins say to CHECK about sandboxes that shall be there. */
async function checkByCni({ cni, closing, busy }: Parts, running: readonly string[]): Promise<string[]> {
  const sandboxes = cni
    .attached()
    .filter((each) => running.includes(each) && !closing.has(each) && !busy.has(each));
  const said = await failuresOf(sandboxes.map((each) => () => cni.check(each)));
  return said.map((each) => `network by CNI is not there as it was made: ${each}`);
}

export async function restoreNetworks(parts: Parts, running: readonly string[]): Promise<string[]> {
  await Promise.allSettled(parts.closing.values());
  const { rows } = parts;
  const found = look(parts, running);
  const kept = await takeAway(parts, found);
  rows.transaction(() => {
    found.dangling.forEach(({ container }) => rows.closeEndpoints(container));
    found.ports.forEach((container) => rows.removePorts(container));
  });
  for (const name of found.files) await parts.door.remove(join(parts.folder, name), []);
  for (const { index, name } of found.devices)
    await parts.door.host([
      { host: { message: deleteLink(index), tolerate: [errno.ENODEV], why: `device "${name}"` } },
    ]);
  const wrong = [...words(found), ...kept, ...(await parts.host.faults()), ...parts.names.faults()];
  await reviveHost(parts);
  for (const each of found.lost) await revive(parts, each);
  await parts.names.update();
  for (const each of [...kept, ...(await parts.cni.collect())]) parts.warn(each);
  return wrong;
}

/** What plug-ins cannot take away is told, and keeps nothing else from it. */
async function takeAway(parts: Parts, { ended, attachments }: Found): Promise<string[]> {
  const attached = new Set(parts.cni.attached());
  const close = ({ container }: SandboxRow) => closeWhole(parts, container);
  await Promise.all(ended.filter(({ container }) => !attached.has(container)).map(close));
  return await failuresOf([
    ...ended.filter(({ container }) => attached.has(container)).map((each) => () => close(each)),
    ...attachments.map((each) => () => parts.cni.detach(each, undefined)),
  ]);
}

/** Bridges that containers use, then the rules: only where a container needs them. */
async function reviveHost(parts: Parts): Promise<void> {
  const used = new Set(
    parts.rows.endpoints().flatMap(({ network, device }) => (device === null ? [] : [network])),
  );
  const networks = parts.rows.networks().filter(({ id, device }) => device !== null && used.has(id));
  if (networks.length === 0) return;
  for (const network of networks) {
    parts.host.forget(String(network.device));
    await parts.host.bridge(network);
  }
  await parts.host.applyRules();
  await reattach(parts);
}

/** A bridge that somebody took away and that was made again has lost its ports: the pairs are there, without a bridge. */
async function reattach(parts: Parts): Promise<void> {
  const all = links();
  for (const endpoint of parts.rows.endpoints()) {
    const link = all.find(({ name }) => name === vethName(endpoint.id));
    if (endpoint.device === null || !link || link.master !== 0) continue;
    const sandbox = parts.rows.sandbox(endpoint.container);
    if (!sandbox) continue;
    await parts.door.host(removeSteps(endpoint));
    await revive(parts, { sandbox, endpoint });
  }
}

async function revive(
  parts: Parts,
  { sandbox, endpoint }: { sandbox: SandboxRow; endpoint: EndpointRow },
): Promise<void> {
  const joints = jointsOf(parts, sandbox.container).filter((each) => each.endpoint.device !== null);
  const joint = joints.find((each) => each.endpoint.id === endpoint.id);
  if (!joint) return;
  const bridge = await parts.host.bridge(joint.network);
  await parts.door.run(sandbox.path, [...endpointSteps(joint, bridge), ...pathSteps(parts, joints)]);
}
