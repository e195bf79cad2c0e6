import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEngineSettings } from "./settings-file.ts";

const folder = mkdtempSync(join(tmpdir(), "sampan-settings-"));
afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string, more: Parameters<typeof readEngineSettings>[0] = {}) {
  const config = join(folder, "config.toml");
  writeFileSync(config, text);
  return readEngineSettings({ config, env: {}, uid: 0, ...more });
}

test("an empty file gives root the system's folders and a user the XDG ones", () => {
  const config = "/dev/null";
  expect(readEngineSettings({ config, env: {}, uid: 0 })).toMatchObject({
    root: "/var/lib/sampan",
    state: "/run/sampan",
    snapshotter: "auto",
    budget: 0,
    maxLayerSize: 64 * 2 ** 30,
    maxLayerEntries: 4_000_000,
    parallelDownloads: 4,
    registries: {},
  });
  const env = { HOME: "/home/ann", XDG_RUNTIME_DIR: "/run/user/1000", XDG_DATA_HOME: "relative" };
  const user = readEngineSettings({ config, env, uid: 1000 });
  expect([user.root, user.state]).toEqual(["/home/ann/.local/share/sampan", "/run/user/1000/sampan"]);
});

test("the file that is looked for may be absent, one that is named may not", () => {
  const config = join(folder, "absent.toml");
  const user = { uid: 1000, env: { HOME: folder } };
  expect(readEngineSettings(user).root).toBe(join(folder, ".local/share/sampan"));
  expect(readEngineSettings({ ...user, env: { HOME: folder, SAMPAN_CONFIG: "" } }).budget).toBe(0);
  const refused = `cannot read settings "${config}": no such file or directory`;
  expect(() => readEngineSettings({ ...user, config })).toThrow(refused);
  expect(() => readEngineSettings({ uid: 0, env: { SAMPAN_CONFIG: config } })).toThrow(refused);
});

test("a file that cannot be read is an error, named or not", () => {
  const home = join(folder, "home");
  const config = join(home, ".config/sampan/config.toml");
  mkdirSync(config, { recursive: true });
  expect(() => readEngineSettings({ uid: 1000, env: { HOME: home } })).toThrow(
    `cannot read settings "${config}": is a directory`,
  );
});

test.each(["root", "config"] as const)("an empty --%s is refused by name", (flag) => {
  expect(() => readEngineSettings({ [flag]: "", env: {}, uid: 0 })).toThrow(
    `cannot use --${flag} "": it is empty, wanted a path`,
  );
});

test("a whole file is read, and the runtime's table is left to the runtime", () => {
  const settings = read(`
    [runtime]
    anything = 1
    [engine]
    root = "/data"
    snapshotter = "copy"
    budget = "10GiB"
    [images]
    max_layer_size = 5000
    max_layer_entries = 7
    parallel_downloads = 2
    [registries."localhost:5000"]
    http = true
    mirrors = ["http://127.0.0.1:5001"]
    ca = "/etc/ca.pem"`);
  expect(settings).toMatchObject({
    root: "/data",
    snapshotter: "copy",
    budget: 10 * 2 ** 30,
    maxLayerSize: 5000,
  });
  expect(settings).toMatchObject({ maxLayerEntries: 7, parallelDownloads: 2 });
  expect(settings.registries["localhost:5000"]).toEqual({
    http: true,
    mirrors: ["http://127.0.0.1:5001"],
    ca: "/etc/ca.pem",
    clientCertificate: undefined,
    clientKey: undefined,
    skipVerify: false,
  });
});

test("the command line goes before the environment, and that before the file", () => {
  const text = `[engine]\nroot = "/file"`;
  expect(read(text).root).toBe("/file");
  expect(read(text, { env: { SAMPAN_ROOT: "/env" } }).root).toBe("/env");
  expect(read(text, { env: { SAMPAN_ROOT: "/env" }, root: "/flag" }).root).toBe("/flag");
});

test("a data root that is not the usual one has a state folder and a bridge of its own", () => {
  const [usual, one, other] = ["/var/lib/sampan", "/one", "/other"].map((root) => read("", { root }));
  expect([usual?.state, usual?.network.bridge]).toMatchObject(["/run/sampan", { name: "sampan0" }]);
  expect(one?.state).toMatch(/^\/run\/sampan\/at\/[0-9a-f]{12}$/);
  expect(one?.network.bridge).toMatchObject({ name: expect.stringMatching(/^sampan-[0-9a-f]{6}$/) });
  expect(other?.state).not.toBe(one?.state);
  expect(read("", { root: "/one", state: "/run/one" }).state).toBe("/run/one");
});

test.each([
  [`[engine`, "cannot read settings"],
  [`engine = 1`, "engine is 1, wanted a table"],
  [`[engine]\nrot = "/x"`, 'engine has no key "rot"; the nearest is "root"'],
  [`[images]\nmax_layer_sise = 1`, 'the nearest is "max_layer_size"'],
  [`[registry."a:1"]\nhttp = true`, 'there is no table "registry"; the nearest is "registries"'],
  [`root = "/data"`, 'there is no table "root"'],
  [`[registries."a:1"]\nmirror = []`, 'registries."a:1" has no key "mirror"; the nearest is "mirrors"'],
  [`[engine]\nroot = "x"`, 'engine.root is "x", wanted an absolute path'],
  [`[engine]\nsnapshotter = "zfs"`, "wanted auto, overlayfs, copy"],
  [`[engine]\nbudget = "10 apples"`, 'engine.budget is "10 apples", wanted bytes'],
  [`[engine]\nbudget = -1`, "engine.budget is -1"],
  [`[images]\nparallel_downloads = 0`, "wanted a whole number from 1 to 64"],
  [`[registries.x]\nhttp = "yes"`, "wanted true or false"],
  [`[registries.x]\nmirrors = ["ftp://y"]`, "wanted a list of addresses"],
  [
    `[registries.x]\nclient_key = "/k"`,
    "client_certificate is missing, wanted the certificate of client_key",
  ],
  [
    `[registries.x]\nclient_certificate = "/c"`,
    "client_key is missing, wanted the key of client_certificate",
  ],
  [`[registries."a b"]\nhttp = true`, "wanted a registry's host"],
  [`[engine.runtimes]\nrunc = "runc"`, 'engine.runtimes.runc is "runc", wanted an absolute path'],
  [`[engine.runtimes]\nnative = "/x"`, "other than native"],
  [`[engine.runtimes.kata]\nargs = ["a"]`, "engine.runtimes.kata.path is missing, wanted the absolute path"],
  [
    `[engine.runtimes.kata]\npath = "/k"\ncannot = ["fly"]`,
    'engine.runtimes.kata.cannot is ["fly"], wanted a list of exec, pause, update',
  ],
  [`[engine]\ndefault_runtime = "runc"`, 'engine.default_runtime is "runc", wanted native'],
  [`[logs]\nmax_size = 5`, "logs.max_size is 5, wanted at least 4096 bytes"],
  [`[logs]\nmax_files = 0`, "logs.max_files is 0, wanted a whole number from 1 to 1000"],
  [
    `[network]\npools = [{ base = "10.0.0.0", size = 8 }]`,
    'network.pools.base is "10.0.0.0", wanted a subnet',
  ],
  [
    `[network]\npools = [{ base = "10.0.0.0/8", size = 7 }]`,
    "network.pools.size is 7, wanted a whole number from 8 to 30",
  ],
  [`[network.bridge]\nname = "much-too-long-name"`, "wanted the name of a network device"],
  [`[network.bridge]\naddress = "fd00::1/64"`, "wanted an address with its prefix"],
  [`[network]\ndns = ["dns.example"]`, "wanted a list of IP addresses"],
  [`[daemon]\nhosts = ["tcp://127.0.0.1"]`, "wanted a list of addresses as"],
  [`[daemon]\nhosts = ["unix://run/x"]`, "wanted a list of addresses as"],
  [`[daemon]\ntls_ca = "/ca"`, "daemon.tls_certificate is missing"],
  [`[daemon]\nlog_level = "loud"`, 'daemon.log_level is "loud", wanted debug, info, warn, error'],
])("%j is refused with the file and the key", (text, message) => {
  expect(() => read(text)).toThrow(message);
  expect(() => read(text)).toThrow(join(folder, "config.toml"));
});

test("a live engine's tables are read", () => {
  const settings = read(`
    [engine]
    default_runtime = "runc"
    [engine.runtimes]
    runc = "/usr/sbin/runc"
    [engine.runtimes.gvisor]
    path = "/usr/bin/runsc"
    args = ["--platform=kvm"]
    cannot = ["update"]
    [logs]
    max_size = "1MiB"
    max_files = 2
    [network]
    pools = [{ base = "10.200.0.0/16", size = 24 }]
    dns = ["9.9.9.9"]
    [network.bridge]
    address = "10.99.0.1/24"
    mtu = 1400
    icc = false
    [daemon]
    hosts = ["unix:///run/x.sock", "tcp://[::1]:2376"]
    tls_ca = "/ca"
    tls_certificate = "/c"
    tls_key = "/k"`);
  const runc = { path: "/usr/sbin/runc", args: [], cannot: [] };
  const gvisor = { path: "/usr/bin/runsc", args: ["--platform=kvm"], cannot: ["update"] };
  expect(settings).toMatchObject({ runtimes: { runc, gvisor }, defaultRuntime: "runc" });
  expect(settings.logs).toEqual({ maxSize: 2 ** 20, maxFiles: 2 });
  expect(settings.network).toMatchObject({ pools: [{ base: "10.200.0.0/16", size: 24 }], dns: ["9.9.9.9"] });
  expect(settings.network.bridge).toMatchObject({ address: "10.99.0.1/24", mtu: 1400, icc: false });
  expect(settings.daemon.hosts).toEqual(["unix:///run/x.sock", "tcp://[::1]:2376"]);
  expect(settings.daemon.tls).toEqual({ ca: "/ca", certificate: "/c", key: "/k" });
});

test("without the default bridge there is none, and without pools there are docker's", () => {
  const { network } = read(`[network.bridge]\nenabled = false`);
  expect(network.bridge).toBe(false);
  expect(network.pools[0]).toEqual({ base: "172.17.0.0/16", size: 16 });
});

test("a flag for one key of a table leaves the table's other keys", () => {
  const { network } = read(`[network.bridge]\nname = "br9"\nmtu = 1400`, {
    document: { network: { bridge: { mtu: 9000 } } },
  });
  expect(network.bridge).toMatchObject({ name: "br9", mtu: 9000 });
});

test("a flag goes before the file and is named where it is wrong", () => {
  const flags = { "daemon.log_level": "--log-level" };
  const text = `[daemon]\nlog_level = "error"\ngroup = "people"`;
  const laid = (level: string) => read(text, { document: { daemon: { log_level: level } }, flags }).daemon;
  expect(laid("debug")).toMatchObject({ logLevel: "debug", group: "people" });
  expect(() => laid("loud")).toThrow('cannot use --log-level: it is "loud", wanted debug, info, warn, error');
});

test("images that are pinned are names, and folders of hosts.toml are absolute", () => {
  const settings = read(`
    [images]
    hosts_dirs = ["/etc/one", "/etc/two"]
    [cri]
    pinned = ["pause:3.10", "localhost:5000/team/app"]`);
  expect(settings.hostsDirs).toEqual(["/etc/one", "/etc/two"]);
  expect(settings.cri.pinned).toEqual(["pause:3.10", "localhost:5000/team/app"]);
  expect(read("").hostsDirs).toEqual(["/etc/sampan/certs.d", "/etc/containerd/certs.d"]);
  expect(() => read(`[cri]\npinned = ["A b"]`)).toThrow(
    'cri.pinned is ["A b"], wanted a list of names of images',
  );
  expect(() => read(`[images]\nhosts_dirs = ["certs.d"]`)).toThrow("wanted a list of absolute paths");
});
