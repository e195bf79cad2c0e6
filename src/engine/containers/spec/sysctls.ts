/** HostConfig.Sysctls. Pure. */
import { invalid } from "../../../base/errors.ts";
import type { CreateBody, StringMap } from "../../../spec/docker/create.ts";
import { sysctlPath } from "../../../spec/oci/sysctl.ts";
import { hostConfig, sharesHostNetwork } from "../request.ts";
import { isJoined } from "./namespaces.ts";

/** As Docker sets them: ping and low ports without capabilities, inside a network of its own. */
const ownNetwork = {
  "net.ipv4.ip_unprivileged_port_start": "0",
  "net.ipv4.ping_group_range": "0 2147483647",
} as const;

/** ipc_namespaces(7) */
const ofIpc =
  /^kernel\/(?:msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$|^fs\/mqueue\/[^/]+$/;

/**
 * Only parameters of a namespace that is the container's own. A value is one line, and goes to one file as it is: no mark in it begins another parameter
 * (CVE-2022-0811). Errors: `invalid_argument`.
 */
export function sysctls(body: CreateBody, options: { readonly ownIds: boolean }): Record<string, string> {
  const { NetworkMode, Sysctls } = hostConfig(body);
  const own = !sharesHostNetwork(body) && !isJoined(NetworkMode) && !options.ownIds;
  return { ...(own && ownNetwork), ...checked(body, Sysctls ?? {}) };
}

function checked(body: CreateBody, asked: StringMap): StringMap {
  for (const [name, value] of Object.entries(asked)) {
    const why = complaint(body, name) ?? faultOf(value);
    if (why !== undefined)
      throw invalid(`cannot set sysctl ${JSON.stringify(`${name}=${value}`.slice(0, 150))}: ${why}`);
  }
  return asked;
}

function faultOf(value: string): string | undefined {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value))
    return "its value holds a control character, wanted one line";
  return value.length > 4000 ? "its value is too long, wanted at most 4000 characters" : undefined;
}

function complaint(body: CreateBody, name: string): string | undefined {
  const path = /^[a-z0-9][A-Za-z0-9_./-]*$/.test(name) ? sysctlPath(name) : undefined;
  const { IpcMode } = hostConfig(body);
  if (path === undefined) return "there is no parameter of that name";
  if (path.startsWith("net/")) {
    if (sharesHostNetwork(body)) return "it would be the host's, whose network the container shares";
    return undefined;
  }
  if (ofIpc.test(path)) {
    if (IpcMode === "host") return "it would be the host's, whose IPC namespace the container shares";
    return undefined;
  }
  return "it is the whole host's, wanted one of net. or of IPC (kernel.msg*, kernel.sem, kernel.shm*, fs.mqueue.*)";
}
