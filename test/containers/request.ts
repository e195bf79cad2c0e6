/** Short words for what a test asks of a container; without any: busybox, without a network. */
import type { CreateContainer } from "../../src/engine/containers/create.ts";
import type { CreateBody, HostConfig } from "../../src/spec/docker/create.ts";

export interface Asked {
  readonly image?: string;
  readonly name?: string;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly env?: readonly string[];
  readonly user?: string;
  readonly hostname?: string;
  readonly terminal?: boolean;
  readonly readonly?: boolean;
  readonly remove?: boolean;
  readonly network?: string;
  readonly volumes?: readonly string[];
  readonly privileged?: boolean;
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly memory?: number;
  readonly cpus?: number;
  readonly pidsLimit?: number;
  readonly userns?: string;
  readonly runtime?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Over all of these. */
  readonly body?: CreateBody;
  readonly host?: HostConfig;
}

export function bodyOf(asked: Asked = {}): CreateBody {
  const host = {
    NetworkMode: asked.network ?? "none",
    Binds: asked.volumes,
    AutoRemove: asked.remove,
    ReadonlyRootfs: asked.readonly,
    Privileged: asked.privileged,
    CapAdd: asked.capAdd,
    CapDrop: asked.capDrop,
    Memory: asked.memory,
    NanoCpus: asked.cpus === undefined ? undefined : asked.cpus * 1e9,
    PidsLimit: asked.pidsLimit,
    UsernsMode: asked.userns,
    Runtime: asked.runtime,
    ...asked.host,
  };
  const body = {
    Image: asked.image ?? "busybox",
    Cmd: asked.command,
    Entrypoint: asked.entrypoint,
    Env: asked.env,
    User: asked.user,
    Hostname: asked.hostname,
    Tty: asked.terminal,
    Labels: asked.labels,
    ...asked.body,
    HostConfig: given(host),
  };
  return given(body) as CreateBody;
}

/** What a create is called with. */
export function createOf(asked: Asked = {}): CreateContainer {
  return { body: bodyOf(asked), ...(asked.name !== undefined && { name: asked.name }) };
}

function given(words: object): object {
  return Object.fromEntries(Object.entries(words).filter(([, value]) => value !== undefined));
}
