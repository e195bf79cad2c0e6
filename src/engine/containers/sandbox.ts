/** The network of a container that is to start: a sandbox of its own, another container's, the host's, or none. */
import { invalid, SampanError } from "../../base/errors.ts";
import type { Sandbox, SandboxOwner } from "../networks/networks.ts";
import { hostnameOf } from "./bundle.ts";
import type { ContainerInfo } from "./containers.ts";
import { isLive, type LifeParts } from "./parts.ts";
import { storedContainer } from "./open.ts";
import { joinedPod, type JoinedPod } from "./pod.ts";
import { hostConfig } from "./request.ts";
import { otherContainer, podOf } from "./spec/namespaces.ts";

export interface LiveNetwork {
  /** For linux.namespaces; undefined: a namespace of its own with nothing in it, or the host's, as the mode says. */
  readonly path?: string;
  readonly sandbox?: Sandbox;
  /** Whose network it shares. */
  readonly of?: ContainerInfo;
  /** The sandbox that it is in. */
  readonly pod?: JoinedPod;
}

export async function openSandbox(engine: LifeParts, info: ContainerInfo): Promise<LiveNetwork> {
  const mode = networkMode(info);
  const pod = joinedPod(engine, storedContainer(engine.store, info.id).pod);
  if (pod)
    return { pod, ...(pod.network !== undefined && podOf(mode) !== undefined && { path: pod.network }) };
  const other = otherContainer(mode);
  if (other !== undefined) return shared(engine, info, other);
  if (mode === "host" || mode === "none" || info.body.NetworkDisabled) return {};
  const sandbox = await engine.networks.open(sandboxOwner(info), publishedPorts(info));
  return { path: sandbox.path, sandbox };
}

/** What networks know of a container. */
export function sandboxOwner({ id, name, body }: ContainerInfo): SandboxOwner {
  const dns = hostConfig(body).Dns ?? [];
  return { id, name, hostname: hostnameOf(id, body), ...(dns.length > 0 && { dns }) };
}

export function networkMode({ body }: Pick<ContainerInfo, "body">): string {
  return hostConfig(body).NetworkMode || "default";
}

function shared(engine: LifeParts, info: ContainerInfo, reference: string): LiveNetwork {
  const of = engine.containers.get(reference);
  if (of.id === info.id) throw invalid("it cannot join its own network");
  if (!isLive(of) || of.pid === undefined)
    throw new SampanError("failed_precondition", `cannot join network of a non running container: ${of.id}`);
  const sandbox = engine.networks.sandbox(of.id);
  return { path: sandbox?.path ?? `/proc/${of.pid}/ns/net`, of, ...(sandbox && { sandbox }) };
}

export function publishedPorts({ body, imageConfig }: Pick<ContainerInfo, "body" | "imageConfig">) {
  const host = hostConfig(body);
  const bindings = Object.fromEntries(
    Object.entries(host.PortBindings ?? {}).map(([port, asked]) => [withProtocol(port), asked ?? []]),
  );
  const exposed = { ...imageConfig.ExposedPorts, ...body.ExposedPorts };
  return { bindings, all: host.PublishAllPorts ? Object.keys(exposed).map(withProtocol) : [] };
}

const withProtocol = (port: string) => (port.includes("/") ? port : `${port}/tcp`);
