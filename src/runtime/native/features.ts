/** features: what this runtime implements, whatever this host can do (features.md and features-linux.md of the specification, 1.3). */
import { exists, readTextIfThere } from "../../kernel/files.ts";
import { capabilities } from "../../kernel/linux.ts";
import type { OciFeatures } from "../../spec/oci/features.ts";
import {
  hookKinds,
  memoryPolicyFlags,
  memoryPolicyModes,
  namespaceTypes,
  ociVersion,
  seccompActions,
  seccompFlags,
  seccompOperators,
} from "../../spec/oci/values.ts";
import { knownMountOptions } from "./plan/mount-options.ts";

/** The machines whose system calls the seccomp compiler has numbers for (seccomp/_abi.ts). */
const seccompMachines = [
  "SCMP_ARCH_AARCH64",
  "SCMP_ARCH_ARM",
  "SCMP_ARCH_X32",
  "SCMP_ARCH_X86",
  "SCMP_ARCH_X86_64",
];

export interface Build {
  readonly version: string;
  readonly commit: string;
}

export function runtimeFeatures({ version, commit }: Build): OciFeatures {
  return {
    ociVersionMin: "1.0.0",
    ociVersionMax: ociVersion,
    hooks: [...hookKinds],
    mountOptions: knownMountOptions(),
    linux: {
      namespaces: namespaceTypes.toSorted(),
      capabilities: capabilities.map((name) => `CAP_${name}`),
      cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
      seccomp: {
        enabled: true,
        actions: seccompActions.toSorted(),
        operators: seccompOperators.toSorted(),
        archs: [...seccompMachines],
        knownFlags: seccompFlags.toSorted(),
        supportedFlags: supportedFlags(),
      },
      apparmor: { enabled: true },
      selinux: { enabled: true },
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      memoryPolicy: { modes: memoryPolicyModes.toSorted(), flags: memoryPolicyFlags.toSorted() },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
    annotations: { "com.sampan.version": version, "com.sampan.commit": commit },
    // With the systemd driver these become properties of the unit.
    potentiallyUnsafeConfigAnnotations: ["org.systemd.property."],
  };
}

/** seccomp(2): since which Linux each flag is there. */
const since: Readonly<Record<(typeof seccompFlags)[number], readonly [number, number]>> = {
  SECCOMP_FILTER_FLAG_TSYNC: [3, 17],
  SECCOMP_FILTER_FLAG_LOG: [4, 14],
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: [4, 17],
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: [5, 19],
};

/** Of a kernel with this release; one without seccomp filters has none. */
function supportedFlags(): string[] {
  const [, major = 0, minor = 0] =
    /^(\d+)\.(\d+)/.exec(readTextIfThere("/proc/sys/kernel/osrelease") ?? "") ?? [];
  if (!exists("/proc/sys/kernel/seccomp/actions_avail")) return [];
  return seccompFlags
    .filter((flag) => {
      const [wantedMajor, wantedMinor] = since[flag];
      return Number(major) > wantedMajor || (Number(major) === wantedMajor && Number(minor) >= wantedMinor);
    })
    .toSorted();
}
