import { expect, test } from "bun:test";
import {
  hookKinds,
  namespaceTypes,
  seccompArchitectures,
  type SeccompArchitecture,
} from "../../spec/oci/values.ts";
import { runtimeFeatures } from "./features.ts";
import { compileSeccomp } from "./seccomp/compile.ts";

const features = runtimeFeatures({ version: "1.2.3", commit: "abc" });

test("versions 1.0.0 to 1.3.0 of the specification are taken", () => {
  expect([features.ociVersionMin, features.ociVersionMax]).toEqual(["1.0.0", "1.3.0"]);
});

test("names are the specification's", () => {
  expect(features.hooks).toEqual([...hookKinds]);
  expect(features.linux?.namespaces).toEqual([...namespaceTypes].toSorted());
  expect(features.linux?.capabilities).toContain("CAP_CHECKPOINT_RESTORE");
  expect(features.mountOptions).toEqual(expect.arrayContaining(["rro", "idmap", "tmpcopyup"]));
});

/** Whether naming the architecture changes what a filter does; the machine's own is always in it. */
function changesFilter(architecture: SeccompArchitecture): boolean {
  const filter = (machine: "x64" | "arm64", ...architectures: SeccompArchitecture[]) =>
    compileSeccomp(
      {
        defaultAction: "SCMP_ACT_ALLOW",
        architectures,
        syscalls: [{ names: ["mount"], action: "SCMP_ACT_ERRNO" }],
      },
      machine,
    ).filter;
  return (["x64", "arm64"] as const).some(
    (machine) => !Bun.deepEquals(filter(machine, architecture), filter(machine)),
  );
}

test("the seccomp architectures are those that a filter can be made for", () => {
  const own = ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"] as const;
  const bigEndian = /MIPS(64|64N32)?$|PPC(64)?$|S390|M68K|PARISC|SHEB/;
  const others = seccompArchitectures.filter((name) => !bigEndian.test(name) && changesFilter(name));
  expect(features.linux?.seccomp?.archs).toEqual([...new Set([...own, ...others])].toSorted());
});

test("a flag that the kernel supports is one that is known", () => {
  const { knownFlags = [], supportedFlags = [] } = features.linux?.seccomp ?? {};
  expect(knownFlags).toEqual(expect.arrayContaining(supportedFlags));
});

test("the build is named", () => {
  expect(features.annotations).toEqual({ "com.sampan.version": "1.2.3", "com.sampan.commit": "abc" });
});
