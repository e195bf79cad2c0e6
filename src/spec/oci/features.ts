/**
 * features.md and features-linux.md of the OCI runtime specification 1.3: what a runtime says about itself.
 * A property that is left out means "unknown", not "none". "Enabled" means "built in", whatever the host can do.
 */
export interface OciFeatures {
  ociVersionMin: string;
  ociVersionMax: string;
  hooks?: string[];
  mountOptions?: string[];
  linux?: OciLinuxFeatures;
  annotations?: Record<string, string>;
  /** Annotations of config.json that change the runtime's behaviour; an entry that ends in "." is a prefix. */
  potentiallyUnsafeConfigAnnotations?: string[];
}

export interface OciLinuxFeatures {
  namespaces?: string[];
  capabilities?: string[];
  cgroup?: { v1?: boolean; v2?: boolean; systemd?: boolean; systemdUser?: boolean; rdma?: boolean };
  seccomp?: OciSeccompFeatures;
  apparmor?: OciSwitch;
  selinux?: OciSwitch;
  intelRdt?: { enabled?: boolean; schemata?: boolean; monitoring?: boolean };
  memoryPolicy?: { modes?: string[]; flags?: string[] };
  mountExtensions?: { idmap?: OciSwitch };
  netDevices?: OciSwitch;
}

export interface OciSeccompFeatures {
  enabled?: boolean;
  actions?: string[];
  operators?: string[];
  archs?: string[];
  knownFlags?: string[];
  /** Those of knownFlags that the running kernel has too. */
  supportedFlags?: string[];
}

export interface OciSwitch {
  enabled?: boolean;
}
