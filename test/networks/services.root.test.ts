/** Services at the edge: a name, its address, and the pods behind it, with a real kernel. */
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { needing } from "../needs.ts";
import { Place } from "./_place.ts";

const { describe, test } = needing({ root: true, programs: ["ip", "nft", "nsenter"] });
setDefaultTimeout(60_000);

const dns = "169.254.30.53";

interface Pod {
  readonly ip: string;
  readonly node?: string;
}

function objects(name: string, clusterIP: string, pods: readonly Pod[], spec: object = {}) {
  const metadata = { namespace: "default", name };
  return {
    service: {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: { clusterIP, ports: [{ port: 80 }], ...spec },
    },
    slice: {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { ...metadata, labels: { "kubernetes.io/service-name": name } },
      endpoints: pods.map(({ ip, node = "edge1" }) => ({ addresses: [ip], nodeName: node })),
      ports: [{ port: 80 }],
    },
  };
}

describe("services of a node", () => {
  let place: Place;
  let driver: ReturnType<Place["spawn"]>;
  let lines: AsyncIterator<string>;
  const start = async () => {
    driver = place.spawn("host", [
      process.execPath,
      `${import.meta.dir}/_service-driver.ts`,
      dns,
      place.resolvConf,
    ]);
    lines = createInterface({ input: Readable.fromWeb(driver.stdout as never) })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe("ready");
  };
  const tell = async (all: readonly ReturnType<typeof objects>[]) => {
    void driver.stdin.write(
      `${JSON.stringify({ service: all.map((each) => each.service), endpointslice: all.map((each) => each.slice) })}\n`,
    );
    void driver.stdin.flush();
    expect((await lines.next()).value).toBe("done");
  };
  const answers = (where: string, to: string, times: number) =>
    new Set(Array.from({ length: times }, () => place.ask(where, to).split(" ")[0]));
  beforeAll(async () => {
    place = new Place();
    await start();
  });
  afterAll(() => place[Symbol.asyncDispose]());

  test("lead a container, the host and one of the pods themselves to a pod", async () => {
    const a = await place.container("a", { bridge: {} });
    const b = await place.container("b", { bridge: {} });
    const client = await place.container("client", { bridge: {} });
    await place.serve(a.id, "a");
    await place.serve(b.id, "b");
    await tell([objects("web", "10.96.0.10", [{ ip: a.ip }, { ip: b.ip }])]);
    expect(answers(client.id, "10.96.0.10:80", 16)).toEqual(new Set(["a", "b"]));
    expect(["a", "b"]).toContain(place.ask("host", "10.96.0.10:80").split(" ")[0] ?? "");
    expect(answers(a.id, "10.96.0.10:80", 16)).toEqual(new Set(["a", "b"]));
    // One that goes is no target any more; one without pods refuses at once.
    await tell([objects("web", "10.96.0.10", [{ ip: b.ip }]), objects("none", "10.96.0.11", [])]);
    expect(answers(client.id, "10.96.0.10:80", 8)).toEqual(new Set(["b"]));
    expect(place.askInVain(client.id, "10.96.0.11:80")).toBe("");
  });

  test("have names, which a container asks for at the node's own address", async () => {
    const asker = await place.container("asker", { bridge: {} });
    const found = place.run(asker.id, [
      "busybox",
      "nslookup",
      "-type=a",
      "web.default.svc.cluster.local",
      dns,
    ]);
    expect(found.output).toContain("Address: 10.96.0.10");
  });

  test("are reached at a port of the node from outside", async () => {
    const c = await place.container("c", { bridge: {} });
    await place.serve(c.id, "c");
    await tell([objects("open", "10.96.0.12", [{ ip: c.ip }], { ports: [{ port: 80, nodePort: 30_080 }] })]);
    expect(place.ask("outside", "10.99.0.1:30080")).toBe("c 10.99.0.2");
    expect(place.ask("host", "10.99.0.1:30080").split(" ")[0]).toBe("c");
  });

  test("go on without the process, and come back as they are when it starts again", async () => {
    const d = await place.container("d", { bridge: {} });
    await place.serve(d.id, "d");
    await tell([objects("kept", "10.96.0.13", [{ ip: d.ip }])]);
    driver.kill("SIGKILL");
    await driver.exited;
    const client = await place.container("other", { bridge: {} });
    expect(place.ask(client.id, "10.96.0.13:80").split(" ")[0]).toBe("d");
    await start();
    await tell([objects("kept", "10.96.0.13", [{ ip: d.ip }])]);
    expect(place.ask(client.id, "10.96.0.13:80").split(" ")[0]).toBe("d");
  });
});
