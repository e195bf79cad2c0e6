/** Edged with all of its own parts, over the real engine: what the tables say together. */
import { expect } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { type Edged, openEdged } from "../../../src/fleet/edge/edged/open.ts";
import { mountsBelow } from "../../../src/fleet/edge/edged/volumes/mount-table.ts";
import type { Pod, PodSpec, PodStatus } from "../../../src/spec/kubernetes/pod.ts";
import { eventually } from "../edged/_world.ts";
import { FakeLink, FakeMeta } from "../edged/fakes.ts";
import { needing } from "../../needs.ts";
import { image, needs, World } from "../../pods/_world.ts";
import { node } from "./pods.ts";

const { test } = needing(needs);

class Whole implements AsyncDisposable {
  readonly world: World;
  readonly link = new FakeLink();
  readonly meta = new FakeMeta();
  readonly log: string[] = [];
  readonly #controller = new AbortController();
  edged!: Edged & AsyncDisposable;

  private constructor(world: World) {
    this.world = world;
  }

  static async open(): Promise<Whole> {
    const whole = new Whole(await World.open());
    const { engine } = whole.world;
    const context = {
      node: "edge-1",
      root: whole.root,
      link: whole.link,
      meta: whole.meta,
      engine,
      clock: systemClock(),
      log: (text: string) => void whole.log.push(text),
      signal: whole.#controller.signal,
    };
    whole.edged = await openEdged(context, { ips: node.ips });
    return whole;
  }

  get root(): string {
    return join(this.world.folder, "edge");
  }

  want(spec: PodSpec, uid: string = crypto.randomUUID()): Pod {
    const metadata = { name: "web", namespace: "default", uid, creationTimestamp: new Date().toISOString() };
    const pod: Pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata,
      spec: { nodeName: "edge-1", terminationGracePeriodSeconds: 1, ...spec },
    };
    this.meta.put("pod", pod);
    return pod;
  }

  delete(pod: Pod): void {
    const metadata = {
      ...pod.metadata,
      deletionTimestamp: new Date().toISOString(),
      deletionGracePeriodSeconds: 0,
    };
    this.meta.put("pod", { ...pod, metadata });
  }

  told(): PodStatus | undefined {
    const said = this.link.to("default/podpatch/web").at(-1);
    return said && (JSON.parse(String(said.content)) as { status: PodStatus }).status;
  }

  async until(fits: (status: PodStatus) => unknown): Promise<PodStatus> {
    return await eventually(
      () => {
        const status = this.told();
        return status && fits(status) ? status : undefined;
      },
      () => `${JSON.stringify(this.told())}; ${this.log.join("; ")}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    await this.edged[Symbol.asyncDispose]();
    await this.world[Symbol.asyncDispose]();
  }
}

const waiting = (status: PodStatus) => status.containerStatuses?.[0]?.state.waiting?.reason;

test("a pod with a secret, a memory volume and probes is ready when it says so, and leaves nothing behind", async () => {
  await using whole = await Whole.open();
  whole.meta.put("secret", {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", namespace: "default" },
    data: { password: Buffer.from("pw").toString("base64") },
  });
  const script =
    "cat /secret/password > /shared/seen; echo $IP > /shared/ip; touch /shared/ready; while true; do nc -l -p 7 -e cat; done";
  const pod = whole.want({
    volumes: [
      { name: "secret", secret: { secretName: "s" } },
      { name: "shared", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
    ],
    initContainers: [
      {
        name: "init",
        image,
        command: ["sh", "-c", "test -f /secret/password"],
        volumeMounts: [{ name: "secret", mountPath: "/secret" }],
      },
    ],
    containers: [
      {
        name: "main",
        image,
        imagePullPolicy: "Never",
        command: ["sh", "-c", script],
        env: [{ name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
        volumeMounts: [
          { name: "secret", mountPath: "/secret" },
          { name: "shared", mountPath: "/shared" },
        ],
        resources: { requests: { cpu: "100m" }, limits: { memory: "64Mi" } },
        startupProbe: {
          exec: { command: ["test", "-f", "/shared/ready"] },
          periodSeconds: 1,
          failureThreshold: 60,
          timeoutSeconds: 10,
        },
        readinessProbe: { tcpSocket: { port: 7 }, periodSeconds: 1, timeoutSeconds: 10 },
      },
    ],
  });
  const status = await whole.until(({ conditions }) =>
    conditions?.some(({ type, status: is }) => type === "Ready" && is === "True"),
  );
  expect(status.qosClass).toBe("Burstable");
  const folder = join(whole.root, "edged/pods", pod.metadata.uid ?? "");
  const seen = async (name: string) => await Bun.file(join(folder, "volumes/shared", name)).text();
  expect(await seen("seen")).toBe("pw");
  expect(await seen("ip")).toBe(`${status.podIP}\n`);
  whole.delete(pod);
  await eventually(
    () => whole.link.to("default/pod/web", "delete")[0],
    () => whole.log.join("; "),
  );
  whole.meta.drop("pod", "web");
  await eventually(
    () => (mountsBelow(whole.root).length === 0 ? true : undefined),
    () => mountsBelow(whole.root).join(" "),
  );
  expect(existsSync(join(folder, "volumes"))).toBe(false);
});

test("a container whose liveness is lost is started anew", async () => {
  await using whole = await Whole.open();
  const livenessProbe = {
    exec: { command: ["test", "-f", "/alive"] },
    periodSeconds: 1,
    failureThreshold: 1,
    timeoutSeconds: 10,
    initialDelaySeconds: 1,
  };
  whole.want({
    containers: [
      { name: "main", image, imagePullPolicy: "Never", command: ["sleep", "1000"], livenessProbe },
    ],
  });
  const status = await whole.until(
    ({ containerStatuses }) => (containerStatuses?.[0]?.restartCount ?? 0) > 0,
  );
  expect(status.containerStatuses?.[0]?.lastState.terminated).toBeDefined();
});

test.each<[string, Partial<PodSpec>, string]>([
  [
    "an image that is not here and is not to be pulled",
    { containers: [{ name: "main", image: "none:1", imagePullPolicy: "Never" }] },
    "ErrImageNeverPull",
  ],
  ["an image whose name is none", { containers: [{ name: "main", image: "UPPER" }] }, "InvalidImageName"],
  [
    "a variable of an object that is missing",
    {
      containers: [
        {
          name: "main",
          image,
          imagePullPolicy: "Never",
          env: [{ name: "A", valueFrom: { secretKeyRef: { name: "none", key: "a" } } }],
        },
      ],
    },
    "CreateContainerConfigError",
  ],
  [
    "root in an image that must not be root",
    {
      containers: [{ name: "main", image, imagePullPolicy: "Never" }],
      securityContext: { runAsNonRoot: true },
    },
    "CreateContainerConfigError",
  ],
])("%s waits with its reason", async (_, spec, reason) => {
  await using whole = await Whole.open();
  whole.want({ containers: [], ...spec });
  await whole.until((status) => waiting(status) === reason);
});

test("a pod that this node cannot have has failed for good", async () => {
  await using whole = await Whole.open();
  const sysctls = [{ name: "kernel.core_pattern", value: "|/x" }];
  whole.want({
    containers: [{ name: "main", image, imagePullPolicy: "Never" }],
    securityContext: { sysctls },
  });
  const status = await whole.until(({ phase }) => phase === "Failed");
  expect(status.reason).toBe("SysctlForbidden");
  expect(
    readdirSync(join(whole.root, "edged/pods")).filter(
      (name) => mountsBelow(join(whole.root, "edged/pods", name)).length > 0,
    ),
  ).toEqual([]);
});
