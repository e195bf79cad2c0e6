import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { containerBody, localhostProfile } from "../../../src/fleet/edge/edged/container.ts";
import type { ContainerInput } from "../../../src/fleet/edge/edged/translate.ts";
import { parseCreateBody } from "../../../src/spec/docker/parse-create.ts";
import type { Container, ContainerSecurity, PodSecurity, PodSpec } from "../../../src/spec/kubernetes/pod.ts";
import { container, input, pod } from "./pods.ts";

const of = (own: Partial<Container>, spec: Partial<PodSpec> = {}, more: Partial<ContainerInput> = {}) =>
  containerBody(input({ container: container(own), pod: pod(spec), ...more }));
const sandbox = `pod:${"5".repeat(64)}`;

test("a plain container joins the pod's namespaces, and its body is one that the engine's API takes", () => {
  const body = of({});
  // A pod's UTS namespace is joined by callers in this process alone.
  const { UTSMode: _, ...asked } = body.HostConfig ?? {};
  const sent = { ...body, HostConfig: asked };
  expect(parseCreateBody(structuredClone(sent))).toEqual(sent);
  expect(body).toEqual({
    Image: "sha256:1",
    Env: [],
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Labels: {
      "io.kubernetes.pod.name": "web",
      "io.kubernetes.pod.namespace": "shop",
      "io.kubernetes.pod.uid": "0d1e-1",
      "io.kubernetes.container.name": "main",
      "io.kubernetes.container.restartCount": "0",
      "io.sampan.container.kind": "app",
    },
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      NetworkMode: sandbox,
      IpcMode: sandbox,
      UTSMode: sandbox,
      CpuShares: 2,
      CgroupParent: "/sampan/besteffort/pod0d1e-1",
      OomScoreAdj: 1000,
      RestartPolicy: { Name: "no" },
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "5" } },
      Mounts: [
        {
          Type: "bind",
          Source: "/data/message",
          Target: "/dev/termination-log",
          ReadOnly: false,
          BindOptions: { Propagation: "rprivate" },
        },
      ],
      SecurityOpt: ["seccomp=builtin"],
    },
  });
});

test("command and args take the image's words away, each for itself, with variables in them", () => {
  const environment = ["A=1", "B=$(A)"];
  const body = of({ command: ["run", "$(A)", "$$(A)", "$(B)"], args: ["$(NONE)"] }, {}, { environment });
  expect(body.Entrypoint).toEqual(["run", "1", "$(A)", "$(A)"]);
  expect(body.Cmd).toEqual(["$(NONE)"]);
  expect(of({ args: ["x"] })).toMatchObject({ Cmd: ["x"] });
  expect(of({ args: ["x"] }).Entrypoint).toBeUndefined();
});

test.each<[Partial<PodSpec>, Partial<ContainerInput>, string | undefined]>([
  [{}, {}, undefined],
  [{ shareProcessNamespace: true }, {}, sandbox],
  [{ hostPID: true }, {}, "host"],
  [{}, { kind: "ephemeral", target: "abc" }, "container:abc"],
])("the PID namespace of %j %j", (spec, more, wanted) => {
  expect(of({}, spec, more).HostConfig?.PidMode).toBe(wanted as string);
});

test.each<[PodSecurity, ContainerSecurity, string | undefined, string | undefined]>([
  [{}, {}, undefined, undefined],
  [{ runAsUser: 5 }, {}, undefined, "5"],
  [{ runAsUser: 5, runAsGroup: 6 }, { runAsUser: 0 }, undefined, "0:6"],
  [{ runAsGroup: 6 }, {}, "app:staff", "app:6"],
  [{ runAsGroup: 6 }, {}, undefined, "0:6"],
  [{ runAsNonRoot: true }, {}, "1000", undefined],
  [{ runAsNonRoot: true }, { runAsUser: 7 }, "root", "7"],
  [{ runAsNonRoot: true }, { runAsNonRoot: false }, "root", undefined],
])("the user of %j %j with image user %p", (securityContext, own, imageUser, wanted) => {
  const more = imageUser === undefined ? {} : { imageUser };
  expect(of({ securityContext: own }, { securityContext }, more).User).toBe(wanted as string);
});

test.each<[PodSecurity & ContainerSecurity, string | undefined, string]>([
  [{ runAsNonRoot: true }, undefined, "image will run as root"],
  [{ runAsNonRoot: true }, "0", "image will run as root"],
  [{ runAsNonRoot: true }, "000:5", "image will run as root"],
  [{ runAsNonRoot: true }, "app", "non-numeric user (app), cannot verify user is non-root"],
  [{ runAsNonRoot: true, runAsUser: 0 }, "7", "breaks non-root policy"],
  [{ runAsUser: -1 }, undefined, "cannot use runAsUser"],
  [{ runAsUser: 2 ** 31 }, undefined, "cannot use runAsUser"],
  [{ runAsUser: 1.5 }, undefined, "cannot use runAsUser"],
  [{ seLinuxOptions: { type: "t" } }, undefined, "SELinux is not supported"],
  [{ procMount: "Other" }, undefined, "cannot use procMount"],
  [{ seccompProfile: { type: "Localhost", localhostProfile: "x" } }, undefined, "cannot use seccompProfile"],
  [{ appArmorProfile: { type: "Other" } }, undefined, "cannot use appArmorProfile"],
  [{ supplementalGroupsPolicy: "Strict" }, undefined, "needs runAsGroup"],
])("security context %j with image user %p is refused", (securityContext, imageUser, why) => {
  const more = imageUser === undefined ? {} : { imageUser };
  const refusal = () => of({}, { securityContext }, more);
  expect(refusal).toThrow(why);
  expect(refusal).toThrow(expect.objectContaining({ reason: "CreateContainerConfigError" }));
});

test.each<[ContainerSecurity, PodSecurity, object]>([
  [{ privileged: true }, {}, { Privileged: true, SecurityOpt: ["seccomp=unconfined"] }],
  [{ readOnlyRootFilesystem: true }, {}, { ReadonlyRootfs: true }],
  [{ allowPrivilegeEscalation: false }, {}, { SecurityOpt: ["no-new-privileges=true", "seccomp=builtin"] }],
  [{ capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] } }, {}, { CapAdd: ["NET_ADMIN"], CapDrop: ["ALL"] }],
  [{ procMount: "Unmasked" }, {}, { MaskedPaths: [], ReadonlyPaths: [] }],
  [{}, { seccompProfile: { type: "Unconfined" } }, { SecurityOpt: ["seccomp=unconfined"] }],
  [
    { seccompProfile: { type: "RuntimeDefault" } },
    { seccompProfile: { type: "Unconfined" } },
    { SecurityOpt: ["seccomp=builtin"] },
  ],
  [
    { appArmorProfile: { type: "Localhost", localhostProfile: "p" } },
    {},
    { SecurityOpt: ["seccomp=builtin", "apparmor=p"] },
  ],
  [{}, { supplementalGroups: [5, 6], fsGroup: 6 }, { GroupAdd: ["5", "6"] }],
])("security context %j in a pod with %j", (own, securityContext, wanted) => {
  expect(of({ securityContext: own }, { securityContext }).HostConfig).toMatchObject(wanted);
});

const mount = (target: string, more = {}) => ({ source: "/v", target, readOnly: false, ...more });

test("volumes, devices and the pod's files are mounted where they are asked for", () => {
  const { HostConfig } = of(
    { terminationMessagePath: "/tmp/why", securityContext: { privileged: true } },
    {},
    {
      mounts: [mount("/a//b/", { readOnly: true, propagation: "Bidirectional" })],
      devices: [{ source: "/dev/loop0", target: "/dev/disk" }],
      etcHosts: "/data/hosts",
    },
  );
  expect(HostConfig?.Mounts?.map(({ Source, Target, ReadOnly }) => [Source, Target, ReadOnly])).toEqual([
    ["/v", "/a/b", true],
    ["/data/message", "/tmp/why", false],
    ["/data/hosts", "/etc/hosts", false],
  ]);
  expect(HostConfig?.Mounts?.[0]?.BindOptions).toEqual({ Propagation: "rshared" });
  expect(HostConfig?.Devices).toEqual([
    { PathOnHost: "/dev/loop0", PathInContainer: "/dev/disk", CgroupPermissions: "rwm" },
  ]);
});

test("a container that mounts /etc/hosts itself has its own", () => {
  const { HostConfig } = of({}, {}, { mounts: [mount("/etc/hosts")], etcHosts: "/data/hosts" });
  expect(HostConfig?.Mounts?.filter(({ Target }) => Target === "/etc/hosts")).toHaveLength(1);
});

test.each<[string, Partial<Container>, Partial<ContainerInput>]>([
  ["a place with ..", {}, { mounts: [mount("/a/../../etc")] }],
  ["a relative place", {}, { mounts: [mount("a")] }],
  ["the root", {}, { mounts: [mount("//")] }],
  ["a place with NUL", {}, { mounts: [mount("/a\0")] }],
  ["thousands of mounts", {}, { mounts: Array.from({ length: 1001 }, (_, index) => mount(`/m${index}`)) }],
  ["passing mounts on without privileges", {}, { mounts: [mount("/a", { propagation: "Bidirectional" })] }],
  ["an unknown propagation", {}, { mounts: [mount("/a", { propagation: "constructor" })] }],
  ["a device at a place with ..", {}, { devices: [{ source: "/dev/x", target: "/dev/../x" }] }],
  ["a relative working directory", { workingDir: "a" }, {}],
  ["a termination message out of the container", { terminationMessagePath: "../x" }, {}],
])("%s is refused", (_, own, more) => {
  expect(() => of(own, {}, more)).toThrow(expect.objectContaining({ reason: "CreateContainerConfigError" }));
});

test("a Localhost profile is read from the node's folder, and from nowhere else", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sampan-seccomp-"));
  try {
    writeFileSync(join(folder, "p.json"), `{"defaultAction":"SCMP_ACT_ALLOW"}`);
    const asked = (name: string) => ({
      pod: pod(),
      container: container({
        securityContext: { seccompProfile: { type: "Localhost", localhostProfile: name } },
      }),
    });
    const text = await localhostProfile(folder, asked("p.json"));
    expect(text).toContain("SCMP_ACT_ALLOW");
    const body = containerBody(input({ ...asked("p.json"), seccompProfile: text ?? "" }));
    expect(body.HostConfig?.SecurityOpt).toEqual([`seccomp=${text}`]);
    for (const name of ["none.json", "../p.json", "/etc/passwd", ""])
      expect(localhostProfile(folder, asked(name))).rejects.toThrow("cannot use seccomp profile");
    expect(await localhostProfile(folder, { pod: pod(), container: container() })).toBeUndefined();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
