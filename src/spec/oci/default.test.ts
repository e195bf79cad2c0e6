import { expect, test } from "bun:test";
import { defaultConfig, rootlessConfig } from "./default.ts";
import { formatDocument } from "./parse.ts";
import { loadConfig } from "./validate.ts";

function typesOf(config: ReturnType<typeof defaultConfig>): string[] {
  return (config.linux?.namespaces ?? []).map(({ type }) => type);
}

test.each([{}, { rootless: true, uid: 1000, gid: 1001 }, { unifiedCgroups: true }])(
  "the starting document is valid: %p",
  (options) => {
    const config = defaultConfig(options);
    expect(loadConfig(formatDocument(config))).toEqual(config);
  },
);

test("it names the newest version of the specification", () => {
  expect(defaultConfig().ociVersion).toBe("1.3.0");
});

test("on a host with cgroup v2 only it has a cgroup namespace", () => {
  expect(typesOf(defaultConfig())).toEqual(["pid", "network", "ipc", "uts", "mount"]);
  expect(typesOf(defaultConfig({ unifiedCgroups: true }))).toEqual([
    "pid",
    "network",
    "ipc",
    "uts",
    "mount",
    "cgroup",
  ]);
});

test("its properties stand in runc's order", () => {
  expect(Object.keys(defaultConfig())).toEqual([
    "ociVersion",
    "process",
    "root",
    "hostname",
    "mounts",
    "linux",
  ]);
  expect(Object.keys(defaultConfig({ rootless: true }).linux ?? {})).toEqual([
    "uidMappings",
    "gidMappings",
    "namespaces",
    "maskedPaths",
    "readonlyPaths",
  ]);
});

test("for an ordinary user it maps the user alone and limits nothing", () => {
  const config = defaultConfig({ rootless: true, uid: 1000, gid: 1001 });
  expect(typesOf(config)).toEqual(["pid", "ipc", "uts", "mount", "user"]);
  expect(config.linux?.uidMappings).toEqual([{ containerID: 0, hostID: 1000, size: 1 }]);
  expect(config.linux?.gidMappings).toEqual([{ containerID: 0, hostID: 1001, size: 1 }]);
  expect(config.linux).not.toHaveProperty("resources");
});

test("for an ordinary user /sys is the host's, and no mount names a group", () => {
  const mounts = defaultConfig({ rootless: true }).mounts ?? [];
  expect(mounts.find(({ destination }) => destination === "/sys")).toEqual({
    destination: "/sys",
    type: "none",
    source: "/sys",
    options: ["rbind", "nosuid", "noexec", "nodev", "ro"],
  });
  const options = mounts.flatMap((mount) => mount.options ?? []);
  expect(options.filter((option) => /id=/.test(option))).toEqual([]);
});

test("the given document stays as it is", () => {
  const config = defaultConfig();
  rootlessConfig(config, { uid: 5, gid: 6 });
  expect(config).toEqual(defaultConfig());
});

test("two documents share nothing", () => {
  const config = defaultConfig();
  config.process.capabilities?.bounding?.push("CAP_CHOWN");
  expect(defaultConfig().process.capabilities?.bounding).toHaveLength(3);
  expect(config.process.capabilities?.effective).toHaveLength(3);
});
