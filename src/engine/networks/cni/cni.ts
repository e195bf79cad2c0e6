/**
 * The contract of networks by CNI (Container Network Interface 1.1.0, and 1.0.0, 0.4.0, 0.3.1, 0.3.0): the host's administrator says in a folder what the network of pods is, and programs of others make it.
 * The sandbox is engine/networks' as any other: `open` with `SandboxOwner.cni` makes the namespace and runs ADD, `close` runs DEL, `restore` brings both back to what the rows say and runs GC.
 *
 * What was asked of the plug-ins stands in the database before the first of them runs, durably: whatever cuts ADD off, DEL comes after it, with the configuration as it was at ADD.
 */

/** A pod that is to have its network by CNI. */
export interface CniRequest {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Bandwidth is asked for here: `kubernetes.io/ingress-bandwidth: 10M`, bits a second; addresses by `org.sampan.cni.ips`, a hardware address by `org.sampan.cni.mac`. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly dns?: CniDns;
  readonly cgroupParent?: string;
}

/** As a pod asks for it. */
export interface CniDns {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** What the plug-ins have made for a sandbox. */
export interface CniAttachment {
  /** The network's name in its configuration. */
  readonly network: string;
  /** The device inside: `eth0`. */
  readonly device: string;
  /** Empty when the plug-ins did not say. */
  readonly mac: string;
  /** With prefix lengths, those of the device inside, in the order of the result: the first is the pod's. */
  readonly addresses: readonly { readonly address: string; readonly gateway?: string }[];
  /** For a pod that asks for no servers; what is no address or no name was left out. */
  readonly dns: CniDns;
  /** Whether a plug-in has mapped the ports that were asked for. */
  readonly mapsPorts: boolean;
}

export interface CniStatus {
  readonly ready: boolean;
  /** `NetworkPluginNotReady`, or empty. */
  readonly reason: string;
  readonly message: string;
}

export interface Cni {
  /**
   * Whether the folder holds a configuration, a broken one too: looked at anew in each call, which takes some microseconds. Whoever makes pods chooses by it: network `cni` if true, else the
   * engine's own bridge, which is always ready.
   */
  configured(): boolean;
  /**
   * For NetworkReady of the CRI's Status, where `configured()`; the plug-ins themselves are asked (STATUS) where the configuration is of 1.1.0. Throws nothing: a folder without a configuration, a
   * broken one and a missing plug-in are not ready, with a message for people.
   */
  status(signal?: AbortSignal): Promise<CniStatus>;
  /** undefined for a sandbox that is on no network by CNI, or whose ADD has not ended well. */
  attachment(sandbox: string): CniAttachment | undefined;
  /** Asks the plug-ins whether all is there (CHECK). Nothing is asked before 0.4.0 or with `disableCheck`. Errors: the plug-in's, in words. */
  check(sandbox: string, signal?: AbortSignal): Promise<void>;
}

/** A sandbox that is to be attached. */
export interface CniOwner {
  readonly id: string;
  /** Of the network namespace. */
  readonly path: string;
  readonly request: CniRequest;
  readonly ports: readonly PortMapping[];
  /** Plug-ins get another id than before: what a DEL without a namespace has left of theirs is in nobody's way then. */
  readonly again?: boolean;
}

/** As CNI's convention has it. */
export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly hostIP?: string;
}

/** For engine/networks alone: it owns namespaces, and calls these for one sandbox after the other. */
export interface CniAttachments extends Cni {
  /** ADD. A failed one was undone by DEL. Errors: `failed_precondition` without a usable configuration, those of plug-ins, `deadline_exceeded`, `cancelled`. */
  attach(owner: CniOwner, signal?: AbortSignal): Promise<CniAttachment>;
  /** DEL, with what was kept of ADD. Idempotent; without `path` the namespace is gone. A sandbox that was never attached is no error. */
  detach(sandbox: string, path: string | undefined): Promise<void>;
  /** Ids of all sandboxes that plug-ins may have something of. */
  attached(): readonly string[];
  /** GC with the attachments that there are, for the networks in which this engine has had any since it was opened; no ADD and no DEL runs meanwhile. Returns what failed, in words. */
  collect(): Promise<readonly string[]>;
}
