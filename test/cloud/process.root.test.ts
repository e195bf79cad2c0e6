/** `sampan cloud` as a process: its folder, its port, its signals, and kubeconfigs beside it. */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { systemClock } from "../../src/base/clock.ts";
import { createKubelet } from "../../src/fleet/edge/kubelet/kubelet.ts";
import { openEdgeStream } from "../../src/fleet/edge/stream/open.ts";
import { joinEdge } from "../fleet/hub/fake-edge.ts";
import { fakePods } from "../fleet/stream/_access.ts";
import { podOf } from "../fleet/stream/_site.ts";
import { until } from "../fleet/until.ts";
import { needing } from "../needs.ts";
import { freePort } from "../registry/port.ts";

const source = [process.execPath, resolve(import.meta.dir, "../../src/bin/sampan.ts")];
const folders: string[] = [];
const running = new Set<Bun.Subprocess>();

afterEach(async () => {
  for (const child of running) child.kill("SIGKILL");
  await Promise.all([...running].map((child) => child.exited));
  running.clear();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function newRoot(): string {
  const folder = mkdtempSync(join(tmpdir(), "sampan-cloud-"));
  folders.push(folder);
  return join(folder, "data");
}

interface Cloud {
  readonly child: Bun.Subprocess;
  readonly url: string;
  readonly kubeconfig: string;
  /** Where edges join. */
  readonly join: string;
}

function spawn(args: readonly string[], program = source) {
  const child = Bun.spawn([...program, "cloud", ...args], {
    env: { HOME: tmpdir() },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  running.add(child);
  return child;
}

const ports = "--hub-port 0 --join-port 0 --tunnel-port 0 --kubelets-port 0 --router-port 0".split(" ");
const here = (root: string) => [
  ..."--bind-address 127.0.0.1 --secure-port 0 --data-root".split(" "),
  root,
  ...ports,
];

async function start(root: string, ...flags: readonly string[]): Promise<Cloud> {
  return await ready(spawn([...here(root), ...flags]));
}

/** Resolves when it said that it is ready. */
async function ready(child: ReturnType<typeof spawn>): Promise<Cloud> {
  let said = "";
  for await (const chunk of child.stderr) {
    said += Buffer.from(chunk).toString();
    const [, url = "", kubeconfig = "", join = ""] =
      / info ready .*\burl=(\S+) kubeconfig=(\S+)(?:.* join=(\S+))?.*\n/.exec(said) ?? [];
    if (url !== "") return { child, url, kubeconfig, join };
  }
  throw new Error(`it ended with status ${await child.exited}: ${said}`);
}

async function outcome(...args: readonly string[]) {
  const child = spawn(args);
  const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  running.delete(child);
  return { out, err, status };
}

async function end({ child }: Cloud, signal: NodeJS.Signals): Promise<number> {
  child.kill(signal);
  const status = await child.exited;
  running.delete(child);
  return status;
}

interface Config {
  readonly clusters: readonly [{ cluster: { server: string; "certificate-authority-data": string } }];
  readonly users: readonly [{ user: { "client-certificate-data": string; "client-key-data": string } }];
}

async function send(kubeconfig: string, method: string, path: string, object?: object) {
  const { code, text } = await ask(kubeconfig, method, path, object);
  return { code, body: JSON.parse(text) as Record<string, unknown> };
}

async function ask(kubeconfig: string, method: string, path: string, object?: object) {
  const { clusters, users } = parse(kubeconfig) as Config;
  const decoded = (text: string) => Buffer.from(text, "base64").toString();
  const [{ cluster }, { user }] = [clusters[0], users[0]];
  const response = await fetch(`${cluster.server}${path}`, {
    method,
    headers: { "content-type": "application/json" },
    ...(object ? { body: JSON.stringify(object) } : {}),
    tls: {
      ca: decoded(cluster["certificate-authority-data"]),
      cert: decoded(user["client-certificate-data"]),
      key: decoded(user["client-key-data"]),
    },
    keepalive: false,
  });
  return { code: response.status, text: await response.text() };
}

const configMap = (name: string) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  data: { a: "b" },
});
const configMaps = "/api/v1/namespaces/default/configmaps";

test("it says where it is, and the administrator's kubeconfig beside its data opens it", async () => {
  const root = newRoot();
  const cloud = await start(root);
  expect(cloud.kubeconfig).toBe(join(root, "admin.kubeconfig"));
  expect(statSync(cloud.kubeconfig).mode & 0o777).toBe(0o600);
  expect(statSync(root).mode & 0o777).toBe(0o700);
  const admin = readFileSync(cloud.kubeconfig, "utf8");
  expect((await send(admin, "POST", configMaps, configMap("a"))).code).toBe(201);
  expect(await end(cloud, "SIGTERM")).toBe(0);
});

test("its heap is collected as that of a small machine, in the process that was begun", async () => {
  const { child } = await start(newRoot());
  const environment = readFileSync(`/proc/${child.pid}/environ`, "utf8").split("\0");
  expect(environment).toContain(`HOME=${tmpdir()}`);
  expect(environment).toContain(`BUN_JSC_forceRAMSize=${128 << 20}`);
  expect(environment).toContain("BUN_JSC_minEdenToOldGenerationRatio=0.15");
  const words = readFileSync(`/proc/${child.pid}/cmdline`, "utf8").split("\0");
  expect(words.slice(0, 3)).toEqual([...source, "cloud"]);
});

test("after a kill its objects, its authority and its certificates are as they were", async () => {
  const root = newRoot();
  const first = await start(root);
  const admin = readFileSync(first.kubeconfig, "utf8");
  const made = await send(admin, "POST", configMaps, configMap("kept"));
  await end(first, "SIGKILL");
  const second = await start(root, "--tls-san", "cloud.example.com");
  const again = admin.replace(first.url, second.url);
  expect((await send(again, "GET", `${configMaps}/kept`)).body).toEqual(made.body);
  expect(await end(second, "SIGINT")).toBe(0);
});

test("a second one on the same data is told who has it, and one on the same port that it is taken", async () => {
  const root = newRoot();
  const { child, url } = await start(root);
  const { status, err } = await outcome(
    "--data-root",
    root,
    "--bind-address",
    "127.0.0.1",
    "--secure-port",
    "0",
    ...ports,
  );
  expect(status).toBe(1);
  expect(err).toContain(`process id ${child.pid}`);
  const port = new URL(url).port;
  const own = ["--data-root", newRoot(), "--bind-address", "127.0.0.1", ...ports];
  const other = await outcome(...own, "--secure-port", port);
  expect(other.status).toBe(1);
  expect(other.err).toContain(port);
});

test("kubeconfigs are printed while it runs and while it rests, each for whom it is asked", async () => {
  const root = newRoot();
  const cloud = await start(root);
  const { out, status } = await outcome(
    "kubeconfig",
    "--data-root",
    root,
    "--user",
    "jane",
    "--group",
    "dev",
  );
  expect(status).toBe(0);
  expect((parse(out) as Config).clusters[0].cluster.server).toBe(cloud.url);
  const refused = await send(out, "GET", configMaps);
  expect([refused.code, refused.body["message"]]).toEqual([
    403,
    expect.stringContaining('User "jane" cannot list'),
  ]);
  await end(cloud, "SIGTERM");
  const resting = (await outcome("kubeconfig", "--data-root", root)).out;
  expect((parse(resting) as Config).clusters[0].cluster.server).toBe(cloud.url);
  const next = await start(root);
  expect((await send(resting.replace(cloud.url, next.url), "GET", configMaps)).code).toBe(200);
});

test("the token by which edges join is printed while it runs, and the whole command when it is asked for", async () => {
  const root = newRoot();
  const missing = await outcome("token", "--data-root", root);
  expect([missing.status, missing.out]).toEqual([1, ""]);
  const cloud = await start(root);
  const { out, status } = await outcome("token", "--data-root", root);
  expect(status).toBe(0);
  expect(out).toMatch(/^[0-9a-f]{64}(?:\.[\w-]+){3}\n$/);
  const command = await outcome(
    "token",
    "--data-root",
    root,
    "--print-join-command",
    "--server",
    "c.example",
  );
  expect(command.out).toStartWith("sampan join c.example:");
  expect(command.out).toContain(` --token ${out.trim()}`);
  expect(await end(cloud, "SIGTERM")).toBe(0);
  const late = await outcome("token", "--data-root", root);
  expect([late.status, late.err]).toEqual([1, expect.stringContaining("does not run")]);
});

test("on a cluster it keeps nothing of its own: another one there serves the same edges", async () => {
  const root = newRoot();
  const cluster = await start(root, "--hub=false");
  const kubeconfig = ["--kubeconfig", cluster.kubeconfig];
  const early = await outcome("--data-root", newRoot(), ...kubeconfig, ...ports);
  expect([early.status, early.err]).toEqual([1, expect.stringContaining("install-crds")]);
  const installed = await outcome("install-crds", ...kubeconfig);
  expect(installed.out).toContain("devices.devices.kubeedge.io created\n");
  const one = await ready(spawn(["--bind-address", "127.0.0.1", ...kubeconfig, ...ports]));
  const first = await outcome("token", ...kubeconfig);
  expect(first.out).toMatch(/^[0-9a-f]{64}(?:\.[\w-]+){3}\n$/);
  const other = await ready(spawn(["--bind-address", "127.0.0.1", ...kubeconfig, ...ports]));
  expect([one.url, other.url]).toEqual([cluster.url, cluster.url]);
  expect((await outcome("token", ...kubeconfig)).out).toBe(first.out);
  expect(await Promise.all([end(one, "SIGTERM"), end(other, "SIGTERM")])).toEqual([0, 0]);
});

test("the API alone asks the process at which a node's tunnel ends, and another one when that is killed", async () => {
  const cluster = await start(newRoot(), "--hub=false");
  const kubeconfig = ["--kubeconfig", cluster.kubeconfig];
  await outcome("install-crds", ...kubeconfig);
  const begin = async () => {
    const tunnels = await freePort();
    const more = ["--bind-address", "127.0.0.1", ...kubeconfig, ...ports, "--tunnel-port", `${tunnels}`];
    return { ...(await ready(spawn(more))), tunnels: `wss://127.0.0.1:${tunnels}` };
  };
  const [one, other] = [await begin(), await begin()];
  const token = (await outcome("token", ...kubeconfig)).out.trim();
  const joinPort = Number(new URL(one.join).port);
  const identity = await joinEdge({ host: "127.0.0.1", joinPort, node: "edge-1", token });
  const admin = readFileSync(cluster.kubeconfig, "utf8");
  const node = { apiVersion: "v1", kind: "Node", metadata: { name: "edge-1" } };
  expect((await send(admin, "POST", "/api/v1/nodes", node)).code).toBe(201);
  const pods = "/api/v1/namespaces/default/pods";
  const pod = podOf("web", "edge-1", ["main"]);
  Object.assign(pod["spec"] as object, { automountServiceAccountToken: false });
  expect((await send(admin, "POST", pods, pod)).code).toBe(201);
  await using _tunnel = openEdgeStream(
    { node: "edge-1", clock: systemClock(), log: () => {}, signal: new AbortController().signal },
    {
      addresses: [one.tunnels, other.tunnels],
      tls: () => identity,
      internalIp: "192.0.2.7",
      kubelet: createKubelet({ access: fakePods(), pods: () => [] }),
      random: () => 0,
    },
  );
  const hasLogs = async () =>
    (await ask(admin, "GET", `${pods}/web/log`)).text === "first line\nsecond line\n";
  const figures = "/apis/metrics.k8s.io/v1beta1/nodes";
  await until(hasLogs);
  await until(async () => (await ask(admin, "GET", figures)).text.includes('"edge-1"'));
  await end(one, "SIGKILL");
  await until(hasLogs);
});

test("without a hub it is the Kubernetes API alone", async () => {
  const root = newRoot();
  await start(root, "--hub=false");
  const { status, err } = await outcome("token", "--data-root", root);
  expect([status, err]).toEqual([1, expect.stringContaining("serves no edges")]);
});

needing({ files: ["dist/sampan"] }).test(
  "the executable does it too, with all that it loads late",
  async () => {
    const root = newRoot();
    const cloud = await ready(spawn(here(root), [resolve(import.meta.dir, "../../dist/sampan")]));
    const admin = readFileSync(cloud.kubeconfig, "utf8");
    const { code } = await send(admin, "POST", "/apis/certificates.k8s.io/v1/certificatesigningrequests", {
      apiVersion: "certificates.k8s.io/v1",
      kind: "CertificateSigningRequest",
      metadata: { name: "a" },
      spec: { request: "AAAA", signerName: "example.com/a", usages: ["any"] },
    });
    expect(code).toBe(422);
    expect(await end(cloud, "SIGTERM")).toBe(0);
  },
);

test("a damaged authority is told by its file, and nothing is made anew", async () => {
  const root = newRoot();
  await end(await start(root), "SIGTERM");
  const path = join(root, "pki", "ca.key");
  writeFileSync(path, "damaged");
  const { status, err } = await outcome(...here(root));
  expect(status).toBe(1);
  expect(err).toContain(path);
  expect(readFileSync(path, "utf8")).toBe("damaged");
});

test("wrong flags end with 125, what fails with 1, help with 0", async () => {
  expect((await outcome("--secure-port", "70000")).status).toBe(125);
  expect((await outcome("kubeconfig", "--nothing")).status).toBe(125);
  const none = await outcome("kubeconfig", "--data-root", newRoot());
  expect([none.status, none.err]).toEqual([1, expect.stringContaining("there is no cloud in")]);
  const help = await outcome("--help");
  expect([help.status, help.out]).toEqual([0, expect.stringContaining("sampan cloud kubeconfig")]);
});
