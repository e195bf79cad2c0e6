import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readUsers } from "../../fleet/edge/eventbus/users.ts";
import { writeJoined } from "../../fleet/edge/join/joined.ts";
import { edgeFlags, parseWords } from "./flags.ts";
import { readEdgeSettings } from "./settings.ts";

const base = mkdtempSync(join(tmpdir(), "sampan-edge-settings-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

function fileWith(text: string): string {
  const path = join(mkdtempSync(join(base, "file-")), "edge.toml");
  writeFileSync(path, text);
  return path;
}

function read(text: string, ...args: string[]) {
  const parsed = parseWords(edgeFlags, ["--config", fileWith(text), ...args], { name: "edge" });
  if (!parsed) throw new Error("help was asked for");
  return readEdgeSettings(parsed.flags, { env: {} });
}

test("what joining found out is used, the file goes before it, and a flag before the file", () => {
  const root = mkdtempSync(join(base, "root-"));
  writeJoined(root, { node: "joined", clouds: ["joined:10000"], certificatePort: 20_002 });
  const place = `data_root = "${root}"\n`;
  expect(read(place)).toMatchObject({ node: "joined", clouds: ["joined:10000"], certificatePort: 20_002 });
  const file = `${place}node_name = "filed"\nclouds = ["filed:1"]\n`;
  expect(read(file)).toMatchObject({ node: "filed", clouds: ["filed:1"], certificatePort: 20_002 });
  expect(read(file, "--cloud", "a:1", "--cloud", "b:2", "--cert-port", "3")).toMatchObject({
    node: "filed",
    clouds: ["a:1", "b:2"],
    certificatePort: 3,
  });
});

test("a flag of a table's key leaves the other keys of the table as the file has them", () => {
  const settings = read(`[mqtt]\nhost = "0.0.0.0"\nport = 1\n`, "--mqtt-port", "2", "--data-root", base);
  expect(settings.mqtt).toMatchObject({ host: "0.0.0.0", port: 2, mode: "internal" });
});

test("two nodes side by side: every path and port can be another", () => {
  const flags =
    "--data-root /one/edge --engine-root /one/engine --engine-state /one/state --dmi-socket /one/dmi.sock --static-pods /one/static --metaserver-port 1 --mqtt-port 2 --kubelet-port 3 --servicebus-port 4".split(
      " ",
    );
  expect(read("", ...flags)).toMatchObject({
    root: "/one/edge",
    engine: { root: "/one/engine", state: "/one/state" },
    dmi: { socket: "/one/dmi.sock" },
    pods: { staticFolder: "/one/static" },
    metaserver: { port: 1, authorization: true },
    mqtt: { port: 2 },
    kubelet: { port: 3 },
    servicebus: { port: 4 },
  });
});

test.each([
  [`node_name = "Edge 1"`, "node_name"],
  [`clouds = ["no port:x"]`, "clouds"],
  [`clouds = "a"`, "clouds"],
  [`token_file = "relative"`, "token_file"],
  [`[metaserver]\nport = 70000`, "metaserver.port"],
  [`[metaserver]\nhost = "example.com"`, "metaserver.host"],
  [`[mqtt]\nmode = "all"`, "mqtt.mode"],
  [`[pods]\ntaints = ["a=b"]`, "pods.taints"],
  [`[pods]\nmost = 0`, "pods.most"],
  [`[podz]\nmost = 1`, "podz"],
  [`[pods]\nmots = 1`, "mots"],
  [`pods = `, "edge.toml"],
])("%p is refused and named", (text, named) => {
  expect(() => read(text, "--data-root", base)).toThrow(named);
});

test("what a flag says wrongly is told by the flag's name", () => {
  expect(() => read("", "--node-name", "Edge 1")).toThrow("--node-name");
  expect(() => read("", "--data-root", "")).toThrow("--data-root");
  expect(() => read("", "extra")).toThrow('"extra"');
});

test("a file that was named must be there; the usual one need not", () => {
  expect(() => readEdgeSettings({ config: join(base, "absent.toml") }, { env: {} })).toThrow("absent.toml");
  expect(() => readEdgeSettings({}, { env: { SAMPAN_EDGE_CONFIG: join(base, "absent.toml") } })).toThrow(
    "absent",
  );
});

test("the broker's certificate and bounds are settings", () => {
  const { mqtt } = read(
    `[mqtt.tls]\ncertificate = "/k/mqtt.crt"\nkey = "/k/mqtt.key"\nclients = "/k/ca.crt"\n[mqtt.limits]\nclients = 5\nretained_bytes = 1024\n`,
  );
  expect(mqtt.tls).toEqual({
    host: "0.0.0.0",
    port: 8883,
    certificate: "/k/mqtt.crt",
    key: "/k/mqtt.key",
    clients: "/k/ca.crt",
  });
  expect(mqtt.limits).toEqual({ clients: 5, retainedBytes: 1024 });
  expect(read("").mqtt).toMatchObject({ tls: undefined, limits: {} });
});

test.each([
  [`[mqtt.tls]\ncertificate = "/k/mqtt.crt"`, "a certificate and its key"],
  [`[mqtt.limits]\nclients = 0`, "mqtt.limits.clients"],
  [`[mqtt.limits]\nretainedBytes = 5`, "retainedBytes"],
])("%j is refused", (text, why) => {
  expect(() => read(text)).toThrow(why);
});

test("a user of the broker is added from words and standard input, and its password is a hash", async () => {
  const folder = mkdtempSync(join(base, "users-"));
  const users = join(folder, "users.json");
  const add = async (password: string, ...words: readonly string[]) => {
    const program = [process.execPath, join(import.meta.dir, "../sampan.ts"), "edge", "mqtt-user"];
    const child = Bun.spawn([...program, "--users", users, ...words], {
      stdin: Buffer.from(password),
      stdout: "ignore",
      stderr: "pipe",
    });
    return [await child.exited, await child.stderr.text()] as const;
  };
  const rights = ["--publish", "a/%u", "--publish", "b", "--subscribe", "c/#"];
  expect(await add("secret\n", "lamp", ...rights)).toEqual([0, ""]);
  const lamp = readUsers(users).users["lamp"];
  expect(lamp).toMatchObject({ publish: ["a/%u", "b"], subscribe: ["c/#"] });
  expect(await Bun.password.verify("secret", lamp?.password ?? "")).toBe(true);
  expect(statSync(users).mode & 0o777).toBe(0o600);
  for (const [password, words] of [
    ["", ["lamp"]],
    ["x\n", []],
    ["x\n", ["lamp", "--publish", "a/#/b"]],
  ] as const)
    expect((await add(password, ...words))[0]).toBeGreaterThan(0);
});
