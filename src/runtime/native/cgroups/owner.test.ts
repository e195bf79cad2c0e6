import { describe, expect, test } from "bun:test";
import type { OciConfig } from "../../../spec/oci/config.ts";
import { defaultConfig } from "../../../spec/oci/default.ts";
import { cgroupOwner } from "./owner.ts";

interface Change {
  readonly uid?: number;
  readonly namespaces?: readonly { readonly type: "user" | "cgroup"; readonly path?: string }[];
  readonly options?: readonly string[];
  readonly source?: string;
}

const users = [{ type: "user" }, { type: "cgroup" }] as const;

function config({ uid = 0, namespaces = users, options = ["nosuid"], source = "cgroup" }: Change): OciConfig {
  const usual = defaultConfig();
  return {
    ...usual,
    process: { ...usual.process, user: { uid, gid: 0 } },
    mounts: [{ destination: "/sys/fs/cgroup", type: "cgroup", source, options: [...options] }],
    linux: {
      namespaces: namespaces.map((each) => ({ ...each })),
      uidMappings: [
        { containerID: 0, hostID: 100_000, size: 10 },
        { containerID: 10, hostID: 5000, size: 10 },
      ],
    },
  };
}

describe("a container's cgroup is given", () => {
  test.each<[string, Change, number]>([
    ["to its root on the host", {}, 100_000],
    ["to the user that its process is", { uid: 12 }, 5002],
    ["to the same user where there is no user namespace", { uid: 12, namespaces: [{ type: "cgroup" }] }, 12],
  ])("%s", (_, change, owner) => {
    expect(cgroupOwner(config(change))).toBe(owner);
  });
});

describe("a container's cgroup stays root's", () => {
  test.each<[string, Change]>([
    ["when it is mounted read-only", { options: ["nosuid", "ro"] }],
    ["when the host's is bound into it", { source: "/sys/fs/cgroup" }],
    ["when it is in the host's cgroup namespace", { namespaces: [{ type: "user" }] }],
    ["when it joins a cgroup namespace", { namespaces: [{ type: "user" }, { type: "cgroup", path: "/p" }] }],
    ["when its user is on no map", { uid: 20 }],
    ["when its user is the host's root", { namespaces: [{ type: "cgroup" }] }],
  ])("%s", (_, change) => {
    expect(cgroupOwner(config(change))).toBeUndefined();
  });
});
