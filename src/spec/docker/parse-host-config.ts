/** HostConfig: what a container is given of the host. */
import type { HostConfig, PortBinding } from "./create.ts";
import { mounts } from "./parse-mount.ts";
import { address } from "./parse-endpoint.ts";
import { resourceFields, restartPolicy } from "./parse-resources.ts";
import {
  fault,
  flag,
  integer,
  list,
  map,
  natural,
  nullable,
  object,
  oneOf,
  stringMap,
  text,
  type Reader,
} from "./_read.ts";

const word = text({ length: 1000 });
const words = list(word, 1000);
const pathList = list(text({ length: 4096 }), 1000);

/** `80/tcp`, `80`, `8000-8010/udp`. */
export const port: Reader<string> = (value, path) => {
  const found = text({ length: 50 })(value, path);
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(?:tcp|udp|sctp))?$/i.exec(found) ?? [];
  if (first !== undefined && isRange(first, last)) return found;
  throw fault(path, found, 'a port like "80/tcp"');
};

const hostPort: Reader<string> = (value, path) => {
  const found = text({ length: 50 })(value, path);
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(found) ?? [];
  if (found === "" || (first !== undefined && isRange(first, last, 0))) return found;
  throw fault(path, found, 'a port of the host, or a range like "8000-8010"');
};

function isRange(first: string, last = first, least = 1): boolean {
  return Number(first) >= least && Number(last) >= Number(first) && Number(last) <= 65_535;
}

const consoleSize: Reader<readonly [number, number]> = (value, path) => {
  const [rows = 0, columns = 0] = list(integer(0, 65_535), 2)(value, path);
  return [rows, columns];
};

const hostConfig = object<HostConfig>({
  ...resourceFields,
  Binds: list(text({ length: 9000 }), 1000),
  ContainerIDFile: text({ length: 4096 }),
  LogConfig: object<{ Type?: string; Config?: Record<string, string> | null }>({
    Type: text({ length: 255 }),
    Config: stringMap,
  }),
  NetworkMode: text({ length: 255 }),
  PortBindings: map(
    nullable(list(object<PortBinding>({ HostIp: address(), HostPort: hostPort }), 1000)),
    port,
  ),
  RestartPolicy: restartPolicy,
  AutoRemove: flag,
  VolumeDriver: text({ length: 255 }),
  VolumesFrom: words,
  ConsoleSize: consoleSize,
  Annotations: stringMap,
  CapAdd: words,
  CapDrop: words,
  CgroupnsMode: oneOf("", "private", "host"),
  Dns: list(address(), 100),
  DnsOptions: words,
  DnsSearch: words,
  ExtraHosts: words,
  GroupAdd: words,
  IpcMode: word,
  Cgroup: word,
  Links: words,
  OomScoreAdj: integer(-1000, 1000),
  PidMode: word,
  Privileged: flag,
  PublishAllPorts: flag,
  ReadonlyRootfs: flag,
  // A seccomp profile comes whole.
  SecurityOpt: list(text({ length: 1 << 20 }), 100),
  StorageOpt: stringMap,
  Tmpfs: stringMap,
  UTSMode: oneOf("", "host"),
  UsernsMode: text({ length: 100 }),
  ShmSize: natural,
  Sysctls: stringMap,
  Runtime: text({ length: 255 }),
  Isolation: text({ length: 50 }),
  Mounts: mounts,
  MaskedPaths: pathList,
  ReadonlyPaths: pathList,
  Init: flag,
});

/** Errors: `invalid_argument` naming the field. */
export function parseHostConfig(value: unknown, path = "HostConfig"): HostConfig {
  return hostConfig(value, path);
}
