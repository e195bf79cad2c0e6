/** What nobody sends who means well: each is refused as the caller's fault, by a sentence, and nothing is left of it. */
import { expect } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { SecurityProfile_ProfileType as Profile } from "../../src/wire/cri/cri_pb.ts";
import { needing } from "../needs.ts";
import { image, needs, refusal, World } from "./_world.ts";

const { test } = needing(needs);

type Sandbox = NonNullable<Parameters<World["sandboxConfig"]>[0]>;
type Container = NonNullable<Parameters<World["container"]>[2]>;

/** The caller's faults. */
const faults: readonly Code[] = [
  Code.InvalidArgument,
  Code.NotFound,
  Code.FailedPrecondition,
  Code.PermissionDenied,
];

const none = 77 as never;
const metadata = { name: "web", uid: "u", namespace: "default", attempt: 0 };

const sandboxes: Readonly<Record<string, Sandbox>> = {
  "no name": { metadata: { ...metadata, name: "" } },
  "a name that is a path": { metadata: { ...metadata, name: "../../etc" } },
  "a uid that is a path": { metadata: { ...metadata, uid: "a/b" } },
  "a host name of two lines": { hostname: "a\nb" },
  "a host name with a NUL": { hostname: "a\0b" },
  "a host name that is too long": { hostname: "a".repeat(300) },
  "a log folder with a NUL": { logDirectory: "/tmp/a\0b" },
  "a log folder below a file": { logDirectory: "/etc/passwd/logs" },
  "a name server that is none": { dnsConfig: { servers: ["not an address"] } },
  "a search domain of two lines": { dnsConfig: { searches: ["a\nnameserver 1.2.3.4"] } },
  "a port that is none": { portMappings: [{ containerPort: 99_999, hostPort: 1 }] },
  "a negative port": { portMappings: [{ containerPort: 80, hostPort: -1 }] },
  "a protocol that is none": { portMappings: [{ containerPort: 80, hostPort: 8080, protocol: none }] },
  "an address that is none": { portMappings: [{ containerPort: 80, hostPort: 8080, hostIp: "here" }] },
  "a cgroup above": { linux: { cgroupParent: "/../../etc" } },
  "a cgroup with a NUL": { linux: { cgroupParent: "/a\0b" } },
  "a parameter of the host": { linux: { sysctls: { "vm.swappiness": "1" } } },
  "a parameter that is a path": { linux: { sysctls: { "net/../../etc/passwd": "1" } } },
  "a namespace of no kind": { linux: { securityContext: { namespaceOptions: { pid: none } } } },
  "a network of no kind": { linux: { securityContext: { namespaceOptions: { network: none } } } },
  "ids of its own with the node's network": {
    linux: {
      securityContext: {
        namespaceOptions: {
          network: 2,
          usernsOptions: {
            uids: [{ hostId: 65_536, containerId: 0, length: 65_536 }],
            gids: [{ hostId: 65_536, containerId: 0, length: 65_536 }],
          },
        },
      },
    },
  },
  "ids over the end": {
    linux: {
      securityContext: {
        namespaceOptions: {
          usernsOptions: {
            uids: [{ hostId: 4_294_967_295, containerId: 0, length: 4_294_967_295 }],
            gids: [{ hostId: 4_294_967_295, containerId: 0, length: 4_294_967_295 }],
          },
        },
      },
    },
  },
};

const secured = (securityContext: NonNullable<NonNullable<Container["linux"]>["securityContext"]>) => ({
  linux: { securityContext },
});

const containers: Readonly<Record<string, Container>> = {
  "an image that is no name": { image: { image: "UPPER case" } },
  "an image with a NUL": { image: { image: "a\0b" } },
  "a relative working folder": { workingDir: "relative" },
  "a word with a NUL": { args: ["a\0b"] },
  "a variable without a name": { envs: [{ key: "", value: new Uint8Array() }] },
  "a variable with a NUL": { envs: [{ key: "A", value: new Uint8Array([0]) }] },
  "a mount at the root": { mounts: [{ containerPath: "/", hostPath: "/tmp" }] },
  "a mount with a NUL": { mounts: [{ containerPath: "/a", hostPath: "/tmp\0" }] },
  "a mount of no folder": { mounts: [{ containerPath: "/a", hostPath: "" }] },
  "a propagation of no kind": { mounts: [{ containerPath: "/a", hostPath: "/tmp", propagation: none }] },
  "a mount of an image that is not there": { mounts: [{ containerPath: "/a", image: { image: "none:1" } }] },
  "a part of an image above": { mounts: [{ containerPath: "/a", image: { image }, imageSubPath: "../.." }] },
  "a device that is none": {
    devices: [{ hostPath: "/etc/passwd", containerPath: "/dev/x", permissions: "rwm" }],
  },
  "rights of no kind": { devices: [{ hostPath: "/dev/null", containerPath: "/dev/x", permissions: "all" }] },
  "a CDI device that is none": { CDIDevices: [{ name: "nobody.example/none=0" }] },
  "a signal of no kind": { stopSignal: none },
  "a user over 31 bits": secured({ runAsUser: { value: 1n << 40n } }),
  "a negative group": secured({ supplementalGroups: [-1n] }),
  "a capability that is none": secured({ capabilities: { addCapabilities: ["SAIL"] } }),
  "an ambient capability that is none": secured({ capabilities: { addAmbientCapabilities: ["SAIL"] } }),
  "a masked path above": secured({ maskedPaths: ["/proc/../etc"] }),
  "a filter that is not there": secured({
    seccomp: { profileType: Profile.Localhost, localhostRef: "/none.json" },
  }),
  "a filter that is no JSON": secured({
    seccomp: { profileType: Profile.Localhost, localhostRef: "/etc/passwd" },
  }),
  "a profile of no kind": secured({ seccomp: { profileType: none } }),
  "processes of nobody": secured({ namespaceOptions: { pid: 3, targetId: "f".repeat(64) } }),
  "a namespace of no kind": secured({ namespaceOptions: { pid: none } }),
  "ids of its own": secured({
    namespaceOptions: {
      usernsOptions: {
        uids: [{ hostId: 65_536, containerId: 0, length: 65_536 }],
        gids: [{ hostId: 65_536, containerId: 0, length: 65_536 }],
      },
    },
  }),
  "a processor that is not there": { linux: { resources: { cpusetCpus: "100000" } } },
  "a score of nobody": { linux: { resources: { oomScoreAdj: 5000n } } },
  "huge pages of no size": { linux: { resources: { hugepageLimits: [{ pageSize: "big", limit: 1n }] } } },
  "a file that limits nothing": { linux: { resources: { unified: { "../../etc/passwd": "1" } } } },
};

test("a sandbox that cannot be is the caller's fault, and leaves nothing", async () => {
  await using world = await World.open();
  const wrong: string[] = [];
  for (const [what, config] of Object.entries(sandboxes)) {
    const { code, rawMessage } = await refusal(world.pod(config)).catch(() => ({
      code: 0,
      rawMessage: "taken",
    }));
    if (!faults.includes(code)) wrong.push(`${what}: ${Code[code] ?? "taken"}: ${rawMessage}`);
  }
  expect(wrong).toEqual([]);
  expect(world.engine.pods.list()).toEqual([]);
  expect(
    readdirSync(join(world.folder, "run"))
      .filter((name) => name === "pods")
      .flatMap(() => readdirSync(join(world.folder, "run", "pods"))),
  ).toEqual([]);
});

test("a container that cannot be is the caller's fault, and leaves nothing", async () => {
  await using world = await World.open();
  const { id } = await world.pod();
  const wrong: string[] = [];
  for (const [what, more] of Object.entries(containers)) {
    const make = async () => {
      const containerId = await world.container(id, "true", more);
      await world.runtime.startContainer({ containerId });
    };
    const { code, rawMessage } = await refusal(make()).catch(() => ({ code: 0, rawMessage: "taken" }));
    if (!faults.includes(code)) wrong.push(`${what}: ${Code[code] ?? "taken"}: ${rawMessage}`);
    for (const { id: containerId } of (await world.runtime.listContainers({})).containers)
      await world.runtime.removeContainer({ containerId });
  }
  expect(wrong).toEqual([]);
  expect(await world.said(id, "echo ahoy")).toBe("ahoy\n");
});
