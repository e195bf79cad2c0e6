import { expect, test } from "bun:test";
import { parseDaemonFlags } from "./flags.ts";
import { readEngineSettings } from "../../engine/settings-file.ts";
import { daemonHelp } from "./help.ts";

function settings(...lines: string[]) {
  const overrides = parseDaemonFlags(lines.flatMap((line) => line.split(" ")));
  if (!overrides) throw new Error("help was asked for");
  return readEngineSettings({ config: "/dev/null", env: {}, uid: 0, ...overrides });
}

test("folders, hosts and the default runtime are the daemon's flags", () => {
  const read = settings(
    "--data-root /d --run-root=/r -H unix:///a.sock --host tcp://127.0.0.1:2375",
    "--add-runtime runc=/usr/sbin/runc --default-runtime runc -D",
  );
  expect(read).toMatchObject({ root: "/d", state: "/r", defaultRuntime: "runc" });
  expect(read.runtimes).toEqual({
    runc: { path: "/usr/sbin/runc", args: [], cannot: [] },
  });
  expect(read.daemon.hosts).toEqual(["unix:///a.sock", "tcp://127.0.0.1:2375"]);
  expect(read.daemon.logLevel).toBe("debug");
});

test("the flags of networks are dockerd's", () => {
  const { network } = settings(
    "--bip 10.9.0.1/24 --mtu 1400 --icc=false --dns 9.9.9.9 --dns 1.1.1.1",
    "--default-address-pool base=10.10.0.0/16,size=24 --ip 127.0.0.1 --iptables=false",
  );
  expect(network.bridge).toMatchObject({ address: "10.9.0.1/24", mtu: 1400, icc: false, name: "sampan0" });
  expect(network.pools).toEqual([{ base: "10.10.0.0/16", size: 24 }]);
  expect(network).toMatchObject({
    dns: ["9.9.9.9", "1.1.1.1"],
    publishAddress: "127.0.0.1",
    firewall: false,
  });
  expect(settings("--bridge none").network.bridge).toBe(false);
  expect(settings("-b br7").network.bridge).toMatchObject({ name: "br7" });
});

test("sizes of logs are docker's", () => {
  const { logs } = settings("--log-opt max-size=10m --log-opt max-file=3");
  expect(logs).toEqual({ maxSize: 10 * 2 ** 20, maxFiles: 3 });
});

test("mutual TLS takes all of its three files", () => {
  const files = "--tlscacert /ca --tlscert /c --tlskey /k";
  expect(settings("--tlsverify", files).daemon.tls).toEqual({ ca: "/ca", certificate: "/c", key: "/k" });
  expect(() => settings(files)).toThrow("cannot use TLS without --tlsverify");
  expect(() => settings("--tlsverify --tlscacert /ca")).toThrow("--tlscert is missing");
});

test.each([
  ["--bip 10.9.0.1", 'cannot use --bip: it is "10.9.0.1", wanted an address with its prefix'],
  ["-H tcp://0.0.0.0", "cannot use --host: it is"],
  ["--tls", "Sampan knows mutual TLS only"],
  ["--live-restore=false", "containers always outlive the daemon"],
  ["--log-opt compress=true", "wanted max-size=… or max-file=…"],
  ["--add-runtime runc", "wanted NAME=…"],
  ["start", 'cannot use daemon argument "start"'],
  ["--data-rot /x", "did you mean --data-root?"],
  ["--data-root=", 'cannot use --root ""'],
])("%j is refused: %s", (line, message) => {
  expect(() => settings(line)).toThrow(message);
});

test("help lists what can be given, and asks for nothing else", () => {
  expect(parseDaemonFlags(["--help", "--host", "x"])).toBeUndefined();
  expect(daemonHelp()).toContain("  -H, --host ADDRESS");
  expect(daemonHelp()).not.toContain("--tls ");
});
