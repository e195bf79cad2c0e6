/** The engine's settings: /etc/sampan/config.toml or the file that SAMPAN_CONFIG names; read by readEngineSettings (settings-file.ts). */
import type { RuntimeProgram } from "../runtime/runtime.ts";

export interface EngineSettings {
  /** Data root: [engine] root, SAMPAN_ROOT or --root; /var/lib/sampan. */
  readonly root: string;
  /** [engine] state; /run/sampan, or a folder in it for a data root that is not the usual one. */
  readonly state: string;
  /** [engine] snapshotter; "auto" takes overlayfs where the root's file system can carry it, else copy. */
  readonly snapshotter: "auto" | "overlayfs" | "copy";
  /** [engine] budget, bytes of the data root; 0 is none. Pull, load and commit refuse to go over it after a collection. */
  readonly budget: number;
  /** [images] max_layer_size: bytes of one layer, decompressed. */
  readonly maxLayerSize: number;
  /** [images] max_layer_entries. */
  readonly maxLayerEntries: number;
  /** [images] parallel_downloads of one pull. */
  readonly parallelDownloads: number;
  /** [images] hosts_dirs: folders that have a folder with hosts.toml for a registry; /etc/sampan/certs.d, /etc/containerd/certs.d. */
  readonly hostsDirs: readonly string[];
  /** [registries."host:port"]. */
  readonly registries: Readonly<Record<string, RegistrySettings>>;
  /** [engine.runtimes]: a name for `--runtime` → its path, or a table with `path`, `args` and `cannot`. */
  readonly runtimes: Readonly<Record<string, RuntimeProgram>>;
  /** [engine] default_runtime. */
  readonly defaultRuntime: string;
  readonly logs: LogSettings;
  readonly network: NetworkSettings;
  readonly daemon: DaemonSettings;
  readonly cri: CriSettings;
}

/** [cri] */
export interface CriSettings {
  /** [cri] socket or --cri: absolute; undefined: it is not served. */
  readonly socket: string | undefined;
  /** [cri] stream_address: where exec, attach and port-forward are served; 127.0.0.1 and a free port. */
  readonly streamAddress: string;
  /** [cri] pull_progress_timeout: milliseconds without a byte after which a pull fails; 0: never. Five minutes. */
  readonly pullProgressTimeout: number;
  /** [cri] pinned: images, by their names, that a kubelet is told not to collect. */
  readonly pinned: readonly string[];
}

/** [logs]: what a container has that does not ask for something else. */
export interface LogSettings {
  /** Bytes of one file. */
  readonly maxSize: number;
  /** All together, at least 1. */
  readonly maxFiles: number;
}

/** [network] */
export interface NetworkSettings {
  /** Where subnets of new networks are taken from, in this order: of `base` pieces of `size` bits. */
  readonly pools: readonly { readonly base: string; readonly size: number }[];
  /** The default bridge; false: there is none. */
  readonly bridge: BridgeSettings | false;
  /** For containers that ask for none; empty: the host's. */
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** The host address of published ports that name none. */
  readonly publishAddress: string;
  /** Our own nftables table; without it ports cannot be published and nothing is masqueraded. */
  readonly firewall: boolean;
  readonly cni: CniSettings;
}

/** [network.cni] */
export interface CniSettings {
  /** config_dir: /etc/cni/net.d. */
  readonly configs: string;
  /** plugin_dirs, in this order: /opt/cni/bin, /usr/lib/cni. */
  readonly plugins: readonly string[];
}

export interface BridgeSettings {
  /** The device's name on the host. */
  readonly name: string;
  /** Address and prefix of the device, `172.17.0.1/16`; undefined: the first free piece of the pools. */
  readonly address: string | undefined;
  /** The subnet of IPv6; undefined: no IPv6. */
  readonly address6: string | undefined;
  /** 0: the kernel's. */
  readonly mtu: number;
  /** Containers reach each other. */
  readonly icc: boolean;
}

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** [daemon] */
export interface DaemonSettings {
  /** `unix:///path` and `tcp://host:port`; empty: sampan.sock in the state folder. */
  readonly hosts: readonly string[];
  /** Whose members may use the sockets; undefined: `sampan`, else `docker`, else nobody but root. */
  readonly group: string | undefined;
  /** Mutual TLS for tcp hosts. */
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string } | undefined;
  /** TCP on a loopback address without TLS: whoever is on this machine is then as root. */
  readonly insecureLoopback: boolean;
  readonly pidFile: string | undefined;
  readonly logLevel: LogLevel;
}

export interface RegistrySettings {
  /** Base addresses that are asked first, in order: `https://mirror.example:5000`. The registry itself is asked last. */
  readonly mirrors: readonly string[];
  /** Plain HTTP; loopback addresses are always tried so after HTTPS. */
  readonly http: boolean;
  /** A PEM file of further authorities; /etc/docker/certs.d/<host>/*.crt is read too. */
  readonly ca: string | undefined;
  readonly clientCertificate: string | undefined;
  readonly clientKey: string | undefined;
  readonly skipVerify: boolean;
}
