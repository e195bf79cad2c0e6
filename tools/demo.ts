/**
 * `make demo`: a cloud, an edge, a device and an application on this machine. The cloud is the embedded Kubernetes API with the fleet's controllers; the edge joins it, with the engine, an MQTT broker and its
 * twins; a simulated thermostat speaks Modbus to its mapper; an application container reads it over MQTT and steers it through its twin. Then the cable to the cloud is pulled for some seconds.
 * With CI=true or --once it ends by itself, with 0 only if every step was seen to work.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openCable } from "../test/fleet/cable.ts";
import { makeLayer } from "./demo/image.ts";
import { appObjects, deviceObjects, type Place } from "./demo/objects.ts";
import { Stage } from "./demo/stage.ts";

const sampan = new URL("../dist/sampan", import.meta.url).pathname;
const once = process.env["CI"] === "true" || process.argv.includes("--once");
const node = "edge1";
const image = "demo/comfort:1";

interface Twin {
  readonly propertyName: string;
  readonly reported?: { readonly value?: string };
  readonly observedDesired?: { readonly value?: string };
}

const stage = new Stage(sampan);
const stopped = Promise.withResolvers<void>();
const kubectl = Bun.which("kubectl") ?? "kubectl";
const isStopped = { now: false };
process.on("SIGINT", () => {
  isStopped.now = true;
  stopped.resolve();
});

function requirements(): void {
  if (!existsSync(sampan)) throw new Error("dist/sampan is not built: run `make dist`");
  if (process.getuid?.() !== 0) throw new Error("the demo makes containers as root: run it as root");
  for (const program of ["kubectl", "mosquitto_sub"])
    if (!Bun.which(program)) throw new Error(`${program} is missing: run \`make setup\` as root`);
}

/** What the cloud knows of the thermostat, by property. */
async function twins(): Promise<Record<string, string>> {
  const { status, output } = await stage.run([kubectl, "get", "device", "thermostat", "-o", "json"]);
  if (status !== 0) return {};
  const { status: of } = JSON.parse(output) as { status?: { twins?: readonly Twin[] } };
  return Object.fromEntries((of?.twins ?? []).map((each) => [each.propertyName, each.reported?.value ?? ""]));
}

async function appLines(): Promise<string[]> {
  const ids = await stage.run(engine("ps", "-q", "--filter", "label=io.kubernetes.container.name=comfort"));
  const [id] = ids.output.trim().split("\n");
  return id ? (await stage.run(engine("logs", id))).output.trimEnd().split("\n") : [];
}

function engine(...args: string[]): string[] {
  return stage.sampanCommand("-H", `unix://${stage.path("run/sampan.sock")}`, ...args);
}

async function startCloud(): Promise<{ hub: number; joining: number; tunnel: number }> {
  stage.title("Start the cloud: the Kubernetes API with the fleet's controllers");
  const any = ["secure", "hub", "join", "router"].flatMap((name) => [`--${name}-port`, "0"]);
  const tunnel = freePort();
  stage.start("cloud", [
    "cloud",
    "--data-root",
    stage.path("cloud"),
    "--bind-address",
    "127.0.0.1",
    ...any,
    "--tunnel-port",
    String(tunnel),
  ]);
  const said = await stage.ready("cloud");
  stage.say(`ready after ${said["ms"]} ms at ${said["url"]}`);
  const port = (name: string) => Number(/:(\d+)$/.exec(said[name] ?? "")?.[1] ?? 0);
  return { hub: port("hub"), joining: port("join"), tunnel };
}

async function startEdge(ports: { hub: number; joining: number; tunnel: number }): Promise<void> {
  stage.title(
    "Join a node and start the edge: the engine, pods, the MQTT broker and the twins in one process",
  );
  stage.write(
    "edge.toml",
    `data_root = "${stage.path("edge")}"
cert_port = ${ports.joining}
tunnel_port = ${ports.tunnel}
[metaserver]
port = 0
[kubelet]
port = 0
[servicebus]
port = 0
[mqtt]
port = ${mqttPort}
[dmi]
socket = "${stage.path("dmi.sock")}"
[pods]
static = "${stage.path("manifests")}"
[engine]
root = "${stage.path("engine")}"
state = "${stage.path("run")}"
`,
  );
  // All pods of the demo have the host's network: nothing is made in it.
  stage.write("engine.toml", "[network.bridge]\nenabled = false\n[network]\nfirewall = false\n");
  const token = (
    await stage.show(stage.sampanCommand("cloud", "token", "--data-root", stage.path("cloud")), { lines: 0 })
  ).trim();
  stage.write("token", token);
  await stage.show(
    stage.sampanCommand(
      "join",
      `127.0.0.1:${ports.hub}`,
      "--token-file",
      stage.path("token"),
      "--cert-port",
      String(ports.joining),
      "--node-name",
      node,
    ),
  );
  stage.start("edge", ["edge"]);
  const said = await stage.ready("edge");
  stage.say(`ready after ${said["ms"]} ms`);
  await stage.until("the node to be Ready", async () => {
    const { output } = await stage.run([
      kubectl,
      "get",
      "node",
      node,
      "-o",
      'jsonpath={.status.conditions[?(@.type=="Ready")].status}',
    ]);
    return output.trim() === "True";
  });
  await stage.show([kubectl, "get", "nodes"]);
}

/** Until the pods have ended: the cloud has to be told. */
const cables = new AsyncDisposableStack();
let mqttPort = 0;
let modbusPort = 0;

async function main(): Promise<void> {
  requirements();
  mqttPort = freePort();
  stage.title("Make the application's image: Debian's busybox and mosquitto's clients");
  const layer = makeLayer(stage.folder);
  const cloud = await startCloud();
  const hubCable = cables.use(await openCable({ host: "127.0.0.1", port: cloud.hub }));
  const tunnelCable = cables.use(await openCable({ host: "127.0.0.1", port: cloud.tunnel }));
  await startEdge({ hub: hubCable.port, joining: cloud.joining, tunnel: tunnelCable.port });
  await stage.show(engine("import", layer, image), { lines: 2 });
  await startThermostat();
  const place: Place = { node, image, modbusPort, mqttPort };
  await deploy(place);
  await steer();
  await cut([hubCable, tunnelCable]);
  summary();
  if (!once) await live();
}

function freePort(): number {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = server;
  server.stop(true);
  return port;
}

async function startThermostat(): Promise<void> {
  stage.title("Start a thermostat (Modbus TCP, simulated, 100 times as quick as a real room) and its mapper");
  stage.start("thermostat", ["simulate", "thermostat", "--port", "0", "--pace", "100"]);
  modbusPort = Number((await stage.ready("thermostat"))["port"]);
  stage.start("mapper", ["mapper", "modbus", "--dmi", stage.path("dmi.sock")]);
  const file = stage.write("device.yaml", deviceObjects({ node, image, modbusPort, mqttPort }));
  await stage.show([kubectl, "apply", "-f", file]);
  const began = performance.now();
  const found = await stage.until("the thermostat's temperature in the cloud", async () => {
    const { temperature, target } = await twins();
    return temperature && target ? { temperature, target } : undefined;
  });
  stage.say(
    `the cloud knows: ${found.temperature} degrees, ${found.target} wanted (${(performance.now() - began).toFixed(0)} ms after apply)`,
  );
}

async function deploy(place: Place): Promise<void> {
  stage.title("Deploy the application: it reads the thermostat over MQTT");
  await stage.show([kubectl, "apply", "-f", stage.write("app.yaml", appObjects(place))]);
  const began = performance.now();
  await stage.until("the pod to run", async () => {
    const { output } = await stage.run([
      kubectl,
      "get",
      "pods",
      "-l",
      "app=comfort",
      "-o",
      "jsonpath={.items[*].status.phase}",
    ]);
    return output.trim() === "Running";
  });
  stage.say(`running ${(performance.now() - began).toFixed(0)} ms after apply`);
  await stage.show([kubectl, "get", "pods", "-o", "wide"]);
  await stage.until("the application to hear of the temperature", async () =>
    (await appLines()).some((line) => line.startsWith("the room has")),
  );
  const logs = await stage.show([kubectl, "logs", "deploy/comfort", "--tail=3"]);
  if (!logs.includes("the room has")) throw new Error("kubectl logs does not show what the application said");
}

async function steer(): Promise<void> {
  stage.title(
    "The application wants it warm, by the twin: the mapper writes the thermostat, and the heater goes on",
  );
  await stage.until("the application's wish in the cloud", async () => {
    const { target, heating } = await twins();
    return target === "20" && heating === "true";
  });
  stage.say("target 20, heating true");
  stage.title("And the cloud may forbid heating: kubectl patch, and the thermostat has it");
  const patch = (enabled: boolean) => [
    kubectl,
    "patch",
    "device",
    "thermostat",
    "--type=json",
    "-p",
    JSON.stringify([{ op: "replace", path: "/spec/properties/3/desired/value", value: String(enabled) }]),
  ];
  for (const enabled of [false, true]) {
    await stage.show(patch(enabled));
    const began = performance.now();
    await stage.until("what was wanted to be so", async () => (await twins())["enabled"] === String(enabled));
    stage.say(`enabled ${enabled}, reported back ${(performance.now() - began).toFixed(0)} ms later`);
  }
}

async function cut(cables: readonly { pull(): void; plugIn(): void }[]): Promise<void> {
  stage.title("Pull the cable to the cloud: bytes vanish without a word");
  for (const cable of cables) cable.pull();
  const [before, known] = [(await appLines()).length, await twins()];
  const began = performance.now();
  await stage.until(
    "the edge to notice",
    () =>
      /cloud.*(?:lost|does not answer|gone|silent)/i.test(stage.logOf("edge").slice(-4000)) ||
      performance.now() - began > 8000,
  );
  await stage.until("the application to go on", async () => (await appLines()).length > before + 3);
  const lines = await appLines();
  stage.say(`the application goes on: ${lines.slice(-3).join(" | ")}`);
  stage.say(`the cloud still says: ${known["temperature"]} degrees`);
  stage.title("Plug it in again: the twin catches up");
  for (const cable of cables) cable.plugIn();
  const back = performance.now();
  const now = await stage.until("the twin to catch up", async () => {
    const found = await twins();
    return found["temperature"] !== known["temperature"] ? found : undefined;
  });
  stage.say(
    `after ${(performance.now() - back).toFixed(0)} ms the cloud says: ${now["temperature"]} degrees`,
  );
  await stage.until("the node to be Ready", async () => {
    const { output } = await stage.run([
      kubectl,
      "get",
      "node",
      node,
      "-o",
      'jsonpath={.status.conditions[?(@.type=="Ready")].status}',
    ]);
    return output.trim() === "True";
  });
}

function summary(): void {
  const host = `unix://${stage.path("run/sampan.sock")}`;
  console.log(`
Every step worked, in ${((performance.now() - stage.began) / 1000).toFixed(1)} s. To try${once ? "" : " now, in another terminal"}:

  export KUBECONFIG=${stage.env["KUBECONFIG"]}
  kubectl get nodes,pods,devices -o wide
  kubectl get device thermostat -o yaml
  kubectl logs -f deploy/comfort
  kubectl exec -it deploy/comfort -- sh
  kubectl delete pod -l app=comfort

  export DOCKER_HOST=${host}
  sampan ps
  sampan stats --no-stream
  mosquitto_sub -p ${mqttPort} -t '$hw/events/device/default/thermostat/#' -v

What to look at: the broker's topics while the room warms and cools, docs/cloud.md, docs/edge.md, docs/mappers.md; logs of all parts in ${stage.folder}.`);
}

async function live(): Promise<void> {
  console.log("\nLive, until Ctrl-C:");
  while (!isStopped.now) {
    const { temperature = "?", target = "?", heating = "?" } = await twins();
    const { output } = await stage.run([kubectl, "get", "pods", "--no-headers"]);
    const line = `  ${new Date().toTimeString().slice(0, 8)}  room ${temperature}, wanted ${target}, heating ${heating}; pods: ${output.trim().replaceAll(/\s+/g, " ")}`;
    process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
    await Promise.race([stopped.promise, Bun.sleep(process.stdout.isTTY ? 1000 : 5000)]);
  }
  console.log("\nStopping …");
}

/** Pods end as they do in a cluster. What is left of a demo that failed, containers outlive the edge, is taken away by their engine. */
async function clean(): Promise<void> {
  await stage.run([kubectl, "delete", "deployment", "comfort", "--ignore-not-found", "--timeout=10s"]);
  for (const end = performance.now() + 15_000; performance.now() < end; await Bun.sleep(100)) {
    const { status, output } = await stage.run(engine("ps", "-aq"));
    if (status !== 0 || output.trim() === "") break;
  }
  await stage.end();
  await cables.disposeAsync();
  const text = `[engine]\nroot = "${stage.path("engine")}"\nstate = "${stage.path("run")}"\n`;
  stage.env["SAMPAN_CONFIG"] = stage.write(
    "clean.toml",
    `${text}[network.bridge]\nenabled = false\n[network]\nfirewall = false\n`,
  );
  const place = stage.sampanCommand("--root", stage.path("engine"));
  const { output } = await stage.run([...place, "ps", "-aq"]);
  const ids = output.split("\n").filter((id) => /^[0-9a-f]{12,64}$/.test(id));
  if (ids.length > 0) await stage.run([...place, "rm", "-f", ...ids]);
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  for (const path of mounts.filter((each) => each.startsWith(`${stage.folder}/`)).toReversed())
    await stage.run(["umount", path]);
}

let failed = false;
try {
  await Promise.race([main(), stopped.promise]);
} catch (error) {
  failed = true;
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
} finally {
  if (existsSync(join(stage.folder, "engine"))) await clean();
  else await stage.end();
  stage.clear(failed);
}
process.exit(failed ? 1 : 0);
