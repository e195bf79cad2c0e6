/** What is asked of a new sandbox, checked as a whole before anything is made of it. */
import { isIP } from "node:net";
import { invalid } from "../../base/errors.ts";
import type { CreateBody, HostConfig } from "../../spec/docker/create.ts";
import { checkHostname } from "../containers/request.ts";
import { checkNames } from "../containers/spec/etc-files.ts";
import { checkRemap } from "../containers/spec/idmaps.ts";
import { sysctls } from "../containers/spec/sysctls.ts";
import { sharesHost } from "./places.ts";
import type { PodSandboxRequest } from "./pods.ts";

const longest = 253;

/** Errors: `invalid_argument` naming the field. */
export function checkPod(request: PodSandboxRequest): void {
  for (const field of ["namespace", "name", "uid"] as const)
    if (!/^[\w.:-]+$/.test(request[field]) || request[field].length > longest)
      throw invalid(`cannot make a pod sandbox: ${field} ${quoted(request[field])} is none`);
  checkHostname(request.hostname);
  for (const server of request.dns?.servers ?? [])
    if (isIP(server) === 0) throw invalid(`cannot use name server ${quoted(server)}: wanted an address`);
  for (const { ip, names } of request.hosts ?? [])
    if (isIP(ip) === 0 || !names.every((name) => /^[A-Za-z0-9_.-]{1,255}$/.test(name)))
      throw invalid(`cannot add host ${quoted(ip)}: wanted an address and names`);
  if (request.hostPid && request.sharePid)
    throw invalid("cannot make a pod sandbox: hostPid and sharePid exclude each other");
  if (sharesHost(request) && Object.keys(request.ports ?? {}).length > 0)
    throw invalid("cannot publish ports of a pod that has the host's network: they are the host's already");
  checkCgroup(request.cgroupParent);
  checkUser(request);
  checkNames(etcConfig(request));
  podSysctls(request);
}

/** As kubelet has it: root of another user namespace would have no right over the host's. */
function checkUser(request: PodSandboxRequest): void {
  const { userns } = request;
  if (!userns) return;
  const shared = [
    sharesHost(request) && "network",
    request.hostPid && "PID namespace",
    request.hostIpc && "IPC namespace",
  ].find(Boolean);
  if (shared)
    throw invalid(
      `cannot make a pod sandbox: a user namespace of its own and the host's ${shared} exclude each other`,
    );
  checkRemap(userns, "the pod");
  for (const ranges of [userns.uids, userns.gids])
    if (!ranges.some(({ containerID }) => containerID === 0) || ranges.some(({ hostID }) => hostID === 0))
      throw invalid("cannot make a pod sandbox: its ids must have a root, and it may not be the host's");
}

function checkCgroup(path: string | undefined): void {
  if (path === undefined) return;
  if (!/^\/[\w./-]+$/.test(path) || path.split("/").includes(".."))
    throw invalid(`cannot use cgroup parent ${quoted(path)}: wanted an absolute path without ".."`);
}

/** With those that a container with a network of its own has. */
export function podSysctls(request: PodSandboxRequest): Record<string, string> {
  return sysctls(
    {
      HostConfig: {
        NetworkMode: sharesHost(request) ? "host" : "none",
        ...(request.hostIpc && { IpcMode: "host" }),
        Sysctls: request.sysctls ?? {},
      },
    },
    { ownIds: false },
  );
}

/** What the files of /etc are made of, as of a container. */
export function etcBody(request: PodSandboxRequest): CreateBody {
  return { HostConfig: etcConfig(request) };
}

function etcConfig({ dns, hosts = [], network }: PodSandboxRequest): HostConfig {
  return {
    ...(network === "host" && { NetworkMode: "host" }),
    Dns: [...(dns?.servers ?? [])],
    DnsSearch: [...(dns?.searches ?? [])],
    DnsOptions: [...(dns?.options ?? [])],
    ExtraHosts: hosts.flatMap(({ ip, names }) => names.map((name) => `${name}:${ip}`)),
  };
}

const quoted = (text: string) => JSON.stringify(String(text).slice(0, 150));
