import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { parseCloudFlags, parseKubeconfigFlags, parseValidity } from "./flags.ts";
import { cloudHelp, kubeconfigHelp } from "./help.ts";
import { readCloudSettings } from "./settings.ts";

const folder = mkdtempSync(join(tmpdir(), "sampan-cloud-settings-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, "cloud.toml");

const root = { env: {}, uid: 0 };
/** The file of the machine that tests run on must not count. */
const nowhere = { env: { SAMPAN_CLOUD_CONFIG: "", HOME: folder }, uid: 1000 };

function settings(args: readonly string[], around: Parameters<typeof readCloudSettings>[1] = nowhere) {
  const flags = parseCloudFlags(args);
  if (!flags) throw new Error("help was asked for");
  return readCloudSettings(flags, around);
}

function refusal(work: () => unknown): SampanError {
  try {
    work();
  } catch (error) {
    return SampanError.from(error);
  }
  throw new Error("it was not refused");
}

test("an ordinary user's data is where XDG says, root's in /var/lib", () => {
  expect(settings([])).toEqual({
    root: join(folder, ".local/share/sampan/cloud"),
    bindAddress: "0.0.0.0",
    port: 6443,
    names: [],
    logLevel: "info",
    hub: {
      port: 10_000,
      joinPort: 10_002,
      tunnelPort: 10_004,
      kubeletsPort: 10_003,
      names: [],
      nodeLimit: 5_000,
      joinExisting: "offline",
      legacyCertificates: false,
      metaserver: "node",
      router: { host: "127.0.0.1", port: 9443 },
    },
  });
  const env = { HOME: folder, XDG_DATA_HOME: "/data", XDG_CONFIG_HOME: folder };
  expect(settings([], { env, uid: 1000 }).root).toBe("/data/sampan/cloud");
  writeFileSync(file, "");
  expect(settings(["--config", file], root).root).toBe("/var/lib/sampan/cloud");
});

test("flags go before the file, and the file before the presets", () => {
  writeFileSync(
    file,
    'data_root = "/srv/cloud"\nsecure_port = 7443\ntls_san = ["a.example"]\nlog_level = "warn"\n',
  );
  expect(
    settings(["--config", file, "--secure-port", "0", "--tls-san", "b.example", "--tls-san", "::1"]),
  ).toMatchObject({
    root: "/srv/cloud",
    bindAddress: "0.0.0.0",
    port: 0,
    names: ["b.example", "::1"],
    logLevel: "warn",
  });
  expect(
    settings(["--bind-address", "127.0.0.1", "--advertise-address=192.0.2.1", "-l", "debug"]),
  ).toMatchObject({
    bindAddress: "127.0.0.1",
    advertiseAddress: "192.0.2.1",
    logLevel: "debug",
  });
  const env = { SAMPAN_CLOUD_CONFIG: file };
  expect(settings([], { env, uid: 1000 }).root).toBe("/srv/cloud");
  expect(settings(["--data-root", "x"], { env, uid: 1000 }).root).toBe(join(process.cwd(), "x"));
});

test("edges are served as the file says, unless a flag says otherwise", () => {
  writeFileSync(
    file,
    'hub_port = 7\nhub_name = ["c.example"]\nlegacy_certificates = true\nmetaserver = "all"\nnode_limit = 9\n',
  );
  const flags = [
    "--config",
    file,
    "--join-port",
    "0",
    "--join-existing",
    "never",
    "--node-limit=3",
    "--router-port=5",
  ];
  expect(settings(flags).hub).toEqual({
    port: 7,
    joinPort: 0,
    tunnelPort: 10_004,
    kubeletsPort: 10_003,
    names: ["c.example"],
    nodeLimit: 3,
    joinExisting: "never",
    legacyCertificates: true,
    metaserver: "all",
    router: { host: "127.0.0.1", port: 5 },
  });
  expect(settings(["--config", file, "--hub=false"]).hub).toBeUndefined();
  writeFileSync(file, "hub = false\n");
  expect(settings(["--config", file]).hub).toBeUndefined();
});

describe("what is wrong is refused by the flag's name", () => {
  for (const [args, words] of [
    [["--hub-port", "65536"], "--hub-port"],
    [["--node-limit", "0"], "--node-limit"],
    [["--kubeconfig", "/k", "--hub=false"], "hub"],
    [["--router-address", "everywhere"], "--router-address"],
    [["--join-existing", "perhaps"], "--join-existing"],
    [["--metaserver", "nobody"], "--metaserver"],
    [["--secure-port", "65536"], "--secure-port"],
    [["--secure-port", "-1"], "--secure-port"],
    [["--bind-address", "localhost"], "--bind-address"],
    [["--advertise-address", "example.com"], "--advertise-address"],
    [["--data-root", ""], "--data-root"],
    [["--tls-san", ""], "--tls-san"],
    [["--log-level", "loud"], "log-level"],
    [["--dataroot", "x"], "--data-root"],
    [["start"], '"start"'],
  ] as const)
    test(args.join(" "), () => {
      const error = refusal(() => settings(args));
      expect(error.code).toBe("invalid_argument");
      expect(error.message).toContain(words);
    });
});

test("a file that is wrong is refused by the file's name and the key", () => {
  for (const [text, words] of [
    ["port = 1", 'there is no table "port"'],
    ['secure_port = "1"', "secure_port"],
    ['data_root = "x"', "an absolute path"],
    ["= =", "cannot read settings"],
  ] as const) {
    writeFileSync(file, text);
    const error = refusal(() => settings(["--config", file]));
    expect(error.message).toContain(file);
    expect(error.message).toContain(words);
  }
  expect(refusal(() => settings(["--config", join(folder, "none.toml")])).message).toContain("none.toml");
});

test("help is made of the tables, and names every flag", () => {
  expect(parseCloudFlags(["--help"])).toBeUndefined();
  expect(parseKubeconfigFlags(["-h"])).toBeUndefined();
  for (const flag of ["--data-root DIR", "--secure-port NUMBER", "--tls-san NAME"])
    expect(cloudHelp()).toContain(flag);
  for (const flag of ["--server URL", "--user NAME", "--group GROUP", "--valid-for DURATION"])
    expect(kubeconfigHelp()).toContain(flag);
  expect(cloudHelp()).toContain("Examples:");
});

test("a validity is a duration of at least ten minutes", () => {
  expect(parseValidity("24h")).toBe(86_400);
  expect(parseValidity("1h30m")).toBe(5400);
  for (const text of ["", "24", "9m59s", "-1h", "soon"])
    expect(refusal(() => parseValidity(text)).code).toBe("invalid_argument");
});
