/**
 * The contract of networks. Rows in the database say what shall be; devices, addresses and nftables rules on the host follow them, and outlive the daemon: nothing
 * of ours is in the way of a packet but the kernel. `restore` brings the host back to what the rows say without touching what is right already.
 *
 * A container has a network namespace (`sandbox`), which lives as long as it runs; in it one endpoint (a veth) a network. Names are answered by a resolver of our own in
 * user-defined networks; it is a process of its own, so that names go on while the daemon is away.
 */
import type { EndpointSettings, PortBinding } from "../../spec/docker/create.ts";
import type { Cni, CniRequest } from "./cni/cni.ts";

export interface NetworkInfo {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  readonly driver: "bridge" | "host" | "null";
  readonly created: Date;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  readonly ipam: readonly {
    readonly subnet: string;
    readonly range?: string;
    readonly gateway?: string;
    readonly reserved?: Readonly<Record<string, string>>;
  }[];
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** By container id. */
  readonly endpoints: Readonly<Record<string, Endpoint>>;
}

export interface Endpoint {
  readonly id: string;
  readonly network: string;
  readonly container: string;
  readonly mac: string;
  /** `172.17.0.2/16`; absent while the container does not run, unless it was asked for. */
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly gateway?: string;
  readonly gateway6?: string;
  /** The device inside: `eth0`. */
  readonly device?: string;
  /** All names under which the others find it. */
  readonly names: readonly string[];
  readonly aliases: readonly string[];
  readonly asked: EndpointSettings;
}

export interface CreateNetwork {
  readonly name: string;
  readonly driver?: string;
  readonly internal?: boolean;
  readonly attachable?: boolean;
  readonly ipv4?: boolean;
  readonly ipv6?: boolean;
  readonly ipam?: NetworkInfo["ipam"];
  /** `com.docker.network.driver.mtu`, `com.docker.network.bridge.{name,enable_icc,enable_ip_masquerade,host_binding_ipv4,gateway_mode_ipv4}` … */
  readonly options?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface DisconnectOptions {
  /** One that is not in it is no error. */
  readonly force?: boolean;
  /** False for who writes something durable next. */
  readonly durable?: boolean;
}

export interface Networks {
  /** Networks of pods by CNI's plug-ins: what is configured, its status, and what was made for a sandbox. */
  readonly cni: Pick<Cni, "configured" | "status" | "attachment" | "check">;
  list(): readonly NetworkInfo[];
  /** By name, id or the beginning of an id. */
  get(reference: string): NetworkInfo;
  create(request: CreateNetwork): Promise<NetworkInfo>;
  /** Errors: `failed_precondition` while containers are in it, or for `bridge`, `host`, `none`. */
  remove(reference: string): Promise<void>;
  /** A row that says the container belongs there; with a sandbox, the endpoint is made at once. Errors: `already_exists`, `not_found`. */
  connect(network: string, container: SandboxOwner, asked: EndpointSettings): Promise<Endpoint>;
  disconnect(network: string, container: string, options?: DisconnectOptions): Promise<void>;
  /** Before a container's init is made: its namespace with all its endpoints and published ports. Idempotent. Undone as a whole when it fails. */
  open(owner: SandboxOwner, ports: PublishedPorts, signal?: AbortSignal): Promise<Sandbox>;
  /** When it has ended: namespace, endpoints, ports; the addresses are free some moments later. Idempotent. */
  close(container: string): Promise<void>;
  /** After the container got another name: its names follow, also while it runs. */
  renamed(owner: SandboxOwner): Promise<void>;
  /** Mounts sysfs with the devices of its sandbox on a folder: a user namespace of the container's own has no right to do so. Errors: `not_found` without a sandbox. */
  mountSysfs(container: string, target: string): Promise<void>;
  /** The sandbox that is there; undefined when there is none. */
  sandbox(container: string): Sandbox | undefined;
  /** The ports of all sandboxes that are there, by container: one look for a whole list. */
  ports(): ReadonlyMap<string, Sandbox["ports"]>;
  /** After a start of the daemon or of the machine: bridges, rules, and sandboxes of those that run; takes away what belongs to nobody. Returns what it did. */
  restore(running: readonly string[]): Promise<readonly string[]>;
  /** What is on the host and belongs to nothing, and what should be there and is not. Changes nothing. */
  audit(running: readonly string[]): Promise<readonly string[]>;
  /** Bytes and packets of each device of the container, by the device's name. */
  traffic(container: string): Promise<Readonly<Record<string, Traffic>>>;
}

export interface SandboxOwner {
  readonly id: string;
  readonly name: string;
  readonly hostname: string;
  /** `--dns`: servers that its questions about other names are passed on to, in the place of the host's. */
  readonly dns?: readonly string[];
  /** Where the user namespace is mounted that is to own its network namespace; the host's without it. */
  readonly user?: string;
  /** Its network is made by CNI's plug-ins, and it is in none of ours. */
  readonly cni?: CniRequest;
}

/** `80/tcp` → where on the host. */
export interface PublishedPorts {
  readonly bindings: Readonly<Record<string, readonly PortBinding[]>>;
  /** Each of these gets a free port of the host, where `bindings` has none. */
  readonly all: readonly string[];
}

export interface Sandbox {
  /** For linux.namespaces: /run/sampan/netns/<id>. */
  readonly path: string;
  readonly endpoints: readonly Endpoint[];
  /** What was published in fact. */
  readonly ports: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[]>>;
  /** For resolv.conf: the resolver of our own, or nothing where the host's servers are used. */
  readonly nameservers: readonly string[];
}

export interface Traffic {
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}
