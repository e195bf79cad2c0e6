/** Joining and leaving a network, also while the container runs. */
import { randomBytes } from "node:crypto";
import { SampanError } from "../../base/errors.ts";
import type { EndpointSettings } from "../../spec/docker/create.ts";
import { assign, checkAsked, namesOf } from "./_assign.ts";
import { endpointSteps, gatewayJoint, removeSteps } from "./_endpoint.ts";
import { endpointInfo } from "./_info.ts";
import type { Endpoint, SandboxOwner } from "./networks.ts";
import { networkById, type Parts } from "./_parts.ts";
import { brief, type EndpointRow, type NetworkRow } from "./_rows.ts";
import { jointsOf, pathSteps } from "./_sandbox.ts";

export interface Connecting {
  readonly network: NetworkRow;
  readonly owner: SandboxOwner;
  readonly asked: EndpointSettings;
}

export async function connectTo(parts: Parts, { network, owner, asked }: Connecting): Promise<Endpoint> {
  const { rows } = parts;
  await parts.closing.get(owner.id);
  checkAsked(network, asked);
  const running = rows.sandbox(owner.id) !== undefined;
  // Of one that is being made the container's own row is durable.
  const joint = rows.transaction(
    () => {
      const others = rows.endpointsOf(owner.id);
      refuse(parts, { network, owner, others, running });
      const id = randomBytes(32).toString("hex");
      const names = namesOf(owner, asked.Aliases ?? []);
      rows.addEndpoint({
        id,
        network: network.id,
        container: owner.id,
        names,
        asked,
        mac: null,
        ipv4: null,
        ipv6: null,
        device: null,
      });
      const row = rows.endpointsOf(owner.id).find((each) => each.id === id) as EndpointRow;
      return running ? assign(rows, row, owner) : { network, endpoint: row };
    },
    { durable: rows.hasContainer(owner.id) },
  );
  if (joint.endpoint.device !== null) {
    try {
      await attach(parts, joint.endpoint, network);
    } catch (error) {
      await detach(parts, joint.endpoint);
      rows.removeEndpoint(joint.endpoint.id);
      throw SampanError.wrap(`cannot connect container "${owner.name}" to network "${network.name}"`, error);
    }
    await movePorts(parts, owner.id);
    await parts.names.update();
  }
  return endpointInfo(network, joint.endpoint);
}

function refuse(
  { rows }: Parts,
  {
    network,
    owner,
    others,
    running,
  }: { network: NetworkRow; owner: SandboxOwner; others: readonly EndpointRow[]; running: boolean },
): void {
  const doing = `cannot connect container "${owner.name}" to network "${network.name}"`;
  if (others.some((each) => each.network === network.id))
    throw new SampanError(
      "already_exists",
      `${doing}: endpoint with name ${owner.name} already exists in network ${network.name}`,
    );
  const drivers = others.map((each) => networkById(rows, each.network)?.driver);
  if (drivers.includes("host") || (network.driver === "host" && (running || others.length > 0)))
    throw new SampanError(
      "failed_precondition",
      `${doing}: container cannot be disconnected from host network or connected to host network`,
    );
  if (drivers.includes("null") || (network.driver === "null" && others.length > 0))
    throw new SampanError(
      "failed_precondition",
      `${doing}: container cannot be connected to multiple networks with one of the networks in private (none) mode`,
    );
}

async function attach(parts: Parts, endpoint: EndpointRow, network: NetworkRow): Promise<void> {
  const row = parts.rows.sandbox(endpoint.container);
  if (!row) return;
  await parts.host.ensureRules();
  const bridge = await parts.host.bridge(network);
  const joints = jointsOf(parts, endpoint.container).filter((each) => each.endpoint.device !== null);
  await parts.door.run(row.path, [
    ...endpointSteps({ network, endpoint }, bridge),
    ...pathSteps(parts, joints),
  ]);
}

async function detach(parts: Parts, endpoint: EndpointRow): Promise<void> {
  await parts.door.host(removeSteps(endpoint));
}

export interface Disconnecting {
  readonly network: NetworkRow;
  readonly container: string;
  readonly force: boolean;
  readonly durable: boolean;
}

export async function disconnectFrom(
  parts: Parts,
  { network, container, force, durable }: Disconnecting,
): Promise<void> {
  const { rows } = parts;
  await parts.closing.get(container);
  const endpoint = rows.endpointsOf(container).find((each) => each.network === network.id);
  if (!endpoint) {
    if (force) return;
    throw new SampanError(
      "not_found",
      `cannot disconnect container "${container.slice(0, 12)}": it is not connected to network ${network.name}`,
    );
  }
  const sandbox = rows.sandbox(container);
  if (network.driver === "host" && sandbox)
    throw new SampanError(
      "failed_precondition",
      `cannot disconnect container "${container.slice(0, 12)}": container cannot be disconnected from host network or connected to host network`,
    );
  const forget = () => rows.transaction(() => rows.removeEndpoint(endpoint.id), { durable });
  if (endpoint.device === null || !sandbox) return forget();
  await detach(parts, endpoint);
  forget();
  const joints = jointsOf(parts, container).filter((each) => each.endpoint.device !== null);
  const steps = pathSteps(parts, joints);
  if (steps.length > 0) await parts.door.run(sandbox.path, steps);
  await movePorts(parts, container);
  await parts.names.update();
}

/** Published ports follow to the endpoint that has the default route now; where there is none they stay taken and lead nowhere. */
async function movePorts(parts: Parts, container: string): Promise<void> {
  const { rows } = parts;
  const before = rows.portsOf(container);
  const joints = jointsOf(parts, container);
  const target = { 4: gatewayJoint(joints, 4)?.endpoint.ipv4, 6: gatewayJoint(joints, 6)?.endpoint.ipv6 };
  const after = before.map((port) => ({ ...port, target: target[port.address.includes(":") ? 6 : 4] ?? "" }));
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  rows.transaction(() => {
    rows.removePorts(container);
    after.forEach((port) => rows.addPort(port));
  }, brief);
  await parts.host.applyRules();
}

/** The container has another name from now on; in a sandbox that is open its names follow at once. */
export async function renamed(parts: Parts, owner: SandboxOwner): Promise<void> {
  const { rows } = parts;
  const endpoints = rows.endpointsOf(owner.id);
  if (endpoints.length === 0) return;
  rows.transaction(() => {
    for (const row of endpoints)
      rows.openEndpoint({ ...row, names: namesOf(owner, row.asked.Aliases ?? []) });
  });
  if (endpoints.some(({ device }) => device !== null)) await parts.names.update();
}
