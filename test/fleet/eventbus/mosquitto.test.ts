import { describe, expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEventBus } from "../../../src/fleet/edge/eventbus/open.ts";
import type { LocalMessage } from "../../../src/fleet/edge/eventbus/bus.ts";
import { putUser } from "../../../src/fleet/edge/eventbus/users.ts";
import { openTwins } from "../../../src/fleet/edge/twin/open.ts";
import { message } from "../../../src/fleet/link/envelope.ts";
import { needing } from "../../needs.ts";
import { fakeEdgeContext } from "../fake-edge-context.ts";
import { device, model } from "../twin/_world.ts";
import { mosquitto } from "../../mapper/mosquitto.ts";
import { publishWith, subscribeWith } from "./_programs.ts";

const { test } = needing({ programs: ["mosquitto", "mosquitto_pub", "mosquitto_sub"] });
const { test: testTls } = needing({ programs: ["mosquitto_pub", "mosquitto_sub", "openssl"] });

const fromCloud = (operation: string, resource: string, content: unknown = null) =>
  message({ source: "router_eventbus", group: "user", operation, resource }, content);

describe("mosquitto's clients at the broker inside", () => {
  test("hear each other, with every QoS and retained", async () => {
    using context = fakeEdgeContext();
    await using bus = await openEventBus(context, { internal: { port: 0 } });
    const port = bus.ports[0] ?? 0;
    await publishWith(port, "-t", "t/kept", "-m", "before", "-r", "-q", "1");
    await using listener = await subscribeWith(port, "-t", "t/#", "-q", "2");
    expect(await listener.next()).toBe("t/kept before");
    for (const qos of ["0", "1", "2"]) {
      await publishWith(port, "-t", "t/x", "-m", `qos ${qos}`, "-q", qos);
      expect(await listener.next()).toBe(`t/x qos ${qos}`);
    }
  });

  test("read and set a twin", async () => {
    using context = fakeEdgeContext();
    context.meta.put({ namespace: "default", type: "devicemodel", name: "m1" }, model);
    context.meta.put({ namespace: "default", type: "device", name: "d1" }, device("d1", { temp: "20" }));
    await using bus = await openEventBus(context, { internal: { port: 0 } });
    await using _twins = await openTwins(context, bus);
    const port = bus.ports[0] ?? 0;
    const topic = "$hw/events/device/default/d1/twin/update";
    await using listener = await subscribeWith(
      port,
      "-t",
      `${topic}/result`,
      "-t",
      `${topic}/delta`,
      "-q",
      "1",
    );
    const update = JSON.stringify({
      event_id: "e1",
      timestamp: 1,
      twin: { temp: { actual: { value: "22" } } },
    });
    await publishWith(port, "-t", topic, "-m", update, "-q", "1");
    expect(await listener.next()).toContain('"event_id":"e1"');
    expect(await listener.next()).toContain('"delta":{"temp":"20"}');
    const [report] = context.link.sent.filter(({ route }) => route.resource.endsWith("edge_updated"));
    expect(report?.route.resource).toBe("device/default/d1/twin/edge_updated");
  });

  test("come in with a user's password, and not without", async () => {
    using context = fakeEdgeContext();
    const users = join(context.root, "users.json");
    await putUser(users, "lamp", { password: "secret", publish: ["t"], subscribe: ["t"] });
    await using bus = await openEventBus(context, { internal: { port: 0, users } });
    const port = bus.ports[0] ?? 0;
    expect(publishWith(port, "-t", "t", "-m", "x")).rejects.toThrow("authoris");
    expect(publishWith(port, "-t", "t", "-m", "x", "-u", "lamp", "-P", "wrong")).rejects.toThrow("authoris");
    await using listener = await subscribeWith(port, "-t", "t", "-u", "lamp", "-P", "secret");
    await publishWith(port, "-t", "t", "-m", "in", "-u", "lamp", "-P", "secret");
    expect(await listener.next()).toBe("t in");
  });

  testTls("speak TLS with it, and only with a certificate where one is wanted", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sampan-mqtt-tls-"));
    try {
      const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
      const made = Bun.spawnSync(
        [
          "openssl",
          "req",
          "-x509",
          "-newkey",
          "ec",
          "-pkeyopt",
          "ec_paramgen_curve:P-256",
          "-nodes",
          "-days",
          "2",
          "-subj",
          "/CN=127.0.0.1",
          "-addext",
          "subjectAltName=IP:127.0.0.1",
          "-keyout",
          key,
          "-out",
          cert,
        ],
        { stdout: "ignore", stderr: "ignore" },
      );
      expect(made.exitCode).toBe(0);
      using context = fakeEdgeContext();
      const pem = { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
      const tls = { host: "127.0.0.1", port: 0, ...pem, ca: pem.cert };
      await using bus = await openEventBus(context, { internal: { port: 0, tls } });
      const [plain = 0, secure = 0] = bus.ports;
      const own = ["--cafile", cert, "--cert", cert, "--key", key];
      await using listener = await subscribeWith(secure, "-t", "t", ...own);
      await publishWith(plain, "-t", "t", "-m", "sealed");
      expect(await listener.next()).toBe("t sealed");
      expect(publishWith(secure, "-t", "t", "-m", "x", "-q", "1", "--cafile", cert)).rejects.toThrow();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("mosquitto as the broker outside", () => {
  test("gives and takes all that the broker inside does, and both hear when there are both", async () => {
    await using broker = await mosquitto();
    using context = fakeEdgeContext();
    const { promise: device1, resolve } = Promise.withResolvers<LocalMessage>();
    const external = { url: `mqtt://127.0.0.1:${broker.port}` };
    await using bus = await openEventBus(context, { mode: "both", internal: { port: 0 }, external });
    using _taker = bus.takeDevices((given) => resolve(given));
    await using listener = await subscribeWith(broker.port, "-t", "edgetopic", "-q", "1");
    await using inside = await subscribeWith(bus.ports[0] ?? 0, "-t", "edgetopic", "-q", "1");
    await context.link.receive(fromCloud("publish", "edgetopic", '{"m":1}'));
    expect(await listener.next()).toBe('edgetopic {"m":1}');
    expect(await inside.next()).toBe('edgetopic {"m":1}');
    await context.link.receive(fromCloud("subscribe", "default/uptopic"));
    const uploaded = context.link.take(({ route }) => route.resource === "default/uptopic");
    await untilTaken(
      uploaded,
      async () => await publishWith(broker.port, "-t", "default/uptopic", "-m", "up!"),
    );
    expect((await uploaded).content).toBe("up!");
    await publishWith(broker.port, "-t", "$hw/events/device/default/d1/twin/update", "-m", "{}");
    expect((await device1).topic).toBe("$hw/events/device/default/d1/twin/update");
  });

  test("is found again when it comes back, and may come later than this node", async () => {
    await using broker = await mosquitto();
    await broker.stop();
    using context = fakeEdgeContext();
    const external = { url: `mqtt://127.0.0.1:${broker.port}` };
    await using _bus = await openEventBus(context, { mode: "external", external });
    for (let round = 0; round < 2; round++) {
      await broker.start();
      const uploaded = context.link.take(({ content }) => content === `round ${round}`);
      await untilTaken(
        uploaded,
        async () => await publishWith(broker.port, "-t", "a/user/b", "-m", `round ${round}`),
      );
      await broker.stop();
    }
  });

  test("that is none, or whose address is none, is refused or waited for", async () => {
    using context = fakeEdgeContext();
    for (const url of ["http://127.0.0.1", "mqtt://", "nothing"])
      expect(openEventBus(context, { mode: "external", external: { url } })).rejects.toThrow(
        "wanted mqtt://",
      );
    // Something that does not speak MQTT: the node goes on.
    const server = createServer((socket) => socket.end("HTTP/1.1 400\r\n\r\n")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const met = once(server, "connection");
    {
      await using bus = await openEventBus(context, {
        mode: "external",
        external: { url: `mqtt://127.0.0.1:${port}` },
      });
      await met;
      bus.publish("t", "x");
      expect(bus.external).toBeFalse();
    }
    server.close();
    await once(server, "close");
  });
});

/** Publishes again until it has come: a subscription may not be there yet. */
async function untilTaken(taken: Promise<unknown>, publish: () => Promise<void>): Promise<void> {
  let came = false;
  const done = taken.then(() => {
    came = true;
  });
  while (!came) {
    await publish();
    await Promise.race([done, new Promise<void>((resolve) => setImmediate(resolve))]);
  }
}
