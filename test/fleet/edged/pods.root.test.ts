import { expect } from "bun:test";
import { cpus } from "node:os";
import type { Container } from "../../../src/spec/kubernetes/pod.ts";
import { needing } from "../../needs.ts";
import { EdgedWorld, eventually, image, needs } from "./_world.ts";

const { test } = needing(needs);

test("a pod of the cloud runs, is told, and is deleted to its end", async () => {
  await using world = await EdgedWorld.open();
  const pod = world.want(world.pod("web", "exec sleep 1000"));
  const status = await world.until("web", ({ phase }) => phase === "Running");
  expect(status).toMatchObject({
    phase: "Running",
    hostIP: "10.0.0.1",
    podIP: expect.stringMatching(/^172\./) as unknown,
    qosClass: "BestEffort",
    containerStatuses: [{ name: "main", ready: true, started: true, restartCount: 0, image: "busybox" }],
  });
  world.delete(pod);
  await eventually(
    () => world.link.to("default/pod/web", "delete")[0],
    () => world.log.join("; "),
  );
  expect(world.told("web")?.containerStatuses?.[0]?.state.terminated).toMatchObject({
    exitCode: 137,
    reason: "Error",
  });
  world.meta.drop("pod", "web");
  expect(world.world.engine.pods.list()).toEqual([]);
  await eventually(
    () => world.workers().length === 0 || undefined,
    () => "the worker's end",
  );
  expect([...world.meta.objects.keys()].filter((key) => key.includes("web"))).toEqual([]);
  expect(world.log).toEqual([]);
});

test("logs, commands, attachments and ports of a pod", async () => {
  await using world = await EdgedWorld.open();
  const spec = {
    containers: [
      {
        name: "main",
        image: "busybox",
        stdin: true,
        command: [
          "sh",
          "-c",
          "echo one; echo two >&2; while true; do nc -l -p 7 -e cat; done & read line; echo $line; exit 3",
        ],
      },
    ],
  };
  world.want(world.pod("web", { ...spec, restartPolicy: "Never" }));
  await world.until("web", ({ phase }) => phase === "Running");
  const { edged } = world;
  const of = { namespace: "default", pod: "web", container: "main" };
  const { signal } = new AbortController();
  const logs = await eventually(
    async () => {
      const text = await textOf(edged.logs(of, { signal }));
      return text.includes("two") ? text : undefined;
    },
    () => "the log",
  );
  expect(logs.split("\n").toSorted()).toEqual(["", "one", "two"]);
  expect(await textOf(edged.logs(of, { signal, tailLines: 1, timestamps: true }))).toMatch(
    /^\d{4}-\d\d-\d\dT[\d:.]+Z (?:one|two)\n$/,
  );
  expect(await textOf(edged.logs(of, { signal, limitBytes: 2 }))).toHaveLength(2);
  expect(textOf(edged.logs(of, { signal, previous: true }))).rejects.toThrow("not found");
  expect(textOf(edged.logs({ ...of, container: "x" }, { signal }))).rejects.toThrow(
    '"x" is not in pod "web"',
  );

  const all = { stdin: true, stdout: true, stderr: true, tty: false, signal };
  const exec = await edged.exec(of, ["sh", "-c", "cat; echo err >&2; exit 5"], all);
  await exec.write(Buffer.from("through\n"));
  exec.endInput();
  const said: string[] = [];
  for await (const { stream, data } of exec.output) said.push(`${stream} ${Buffer.from(data).toString()}`);
  expect(said.toSorted()).toEqual(["stderr err\n", "stdout through\n"]);
  expect(await exec.exit).toBe(5);

  const forwarded = await eventually(
    async () => await edged.portForward(of, 7, signal).catch(() => undefined),
    () => "the port",
  );
  const big = Buffer.alloc(1 << 20, "x");
  forwarded.end(big);
  let size = 0;
  for await (const chunk of forwarded) size += (chunk as Uint8Array).length;
  expect(size).toBe(big.length);
  expect(edged.portForward(of, 9, signal)).rejects.toThrow("refused");

  const summary = await edged.summary();
  expect(summary.pods).toMatchObject([{ name: "web", containers: [{ name: "main" }] }]);
  expect(summary.pods[0]?.containers[0]?.usage.memory).toBeGreaterThan(0);

  const attached = await edged.attach(of, all);
  await attached.write(Buffer.from("hello\n"));
  const output: string[] = [];
  for await (const { data } of attached.output) output.push(Buffer.from(data).toString());
  expect(output.join("")).toContain("hello\n");
  expect(await attached.exit).toBe(3);
  expect(await world.until("web", ({ phase }) => phase === "Failed")).toMatchObject({
    containerStatuses: [{ state: { terminated: { exitCode: 3 } } }],
  });
  expect(await textOf(edged.logs(of, { signal, tailLines: 1 }))).toBe("hello\n");
});

async function textOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all).toString();
}

test("with the real means: volumes, environment, probes and hooks", async () => {
  await using world = await EdgedWorld.open({ means: "real" });
  world.meta.put("configmap", {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "settings", namespace: "default" },
    data: { greeting: "hello" },
  });
  world.want(
    world.pod("web", {
      restartPolicy: "Never",
      volumes: [
        { name: "shared", emptyDir: {} },
        { name: "settings", configMap: { name: "settings" } },
      ],
      initContainers: [
        {
          name: "first",
          image,
          command: ["sh", "-c", "echo from init > /shared/a"],
          volumeMounts: [{ name: "shared", mountPath: "/shared" }],
        },
      ],
      containers: [
        {
          name: "main",
          image,
          command: [
            "sh",
            "-c",
            'until [ -e /shared/hooked ]; do sleep 0.01; done; cat /shared/a /settings/greeting > /dev/termination-log; echo " $WORD $POD" >> /dev/termination-log; until [ -e /shared/ready ]; do sleep 0.01; done',
          ],
          env: [
            { name: "WORD", valueFrom: { configMapKeyRef: { name: "settings", key: "greeting" } } },
            { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
          ],
          volumeMounts: [
            { name: "shared", mountPath: "/shared" },
            { name: "settings", mountPath: "/settings" },
          ],
          readinessProbe: { exec: { command: ["true"] }, periodSeconds: 1 },
          lifecycle: { postStart: { exec: { command: ["touch", "/shared/hooked"] } } },
        },
      ],
    }),
  );
  const ready = await world.until("web", ({ containerStatuses }) => containerStatuses?.[0]?.ready === true);
  expect(ready.initContainerStatuses).toMatchObject([
    { ready: true, state: { terminated: { reason: "Completed" } } },
  ]);
  const { signal } = new AbortController();
  const exec = await world.edged.exec(
    { namespace: "default", pod: "web", container: "main" },
    ["touch", "/shared/ready"],
    { stdin: false, stdout: true, stderr: true, tty: false, signal },
  );
  for await (const _ of exec.output);
  const ended = await world.until("web", ({ phase }) => phase === "Succeeded");
  expect(ended.containerStatuses?.[0]?.state.terminated).toMatchObject({
    exitCode: 0,
    message: "from init\nhello hello web\n",
  });
  expect(world.log).toEqual([]);
});

test("a pod whose volume is not there waits for it, and can be deleted meanwhile", async () => {
  await using world = await EdgedWorld.open({ means: "real" });
  const spec = (name: string) => ({
    terminationGracePeriodSeconds: 0,
    volumes: [{ name: "settings", configMap: { name } }],
    containers: [
      {
        name: "main",
        image,
        command: ["sleep", "1000"],
        volumeMounts: [{ name: "settings", mountPath: "/settings" }],
      },
    ],
  });
  world.want(world.pod("web", spec("settings")));
  const never = world.want(world.pod("never", spec("nothere")));
  const waiting = await world.until(
    "web",
    ({ containerStatuses }) => containerStatuses?.[0]?.state.waiting?.reason === "ContainerCreating",
  );
  expect(waiting.phase).toBe("Pending");
  for (const name of ["web", "never"])
    await eventually(
      () =>
        world.link.said.some(
          ({ route, content }) =>
            route.resource.startsWith(`default/event/${name}.`) &&
            JSON.stringify(content).includes("FailedMount"),
        ) || undefined,
      () => world.log.join("; "),
    );
  world.delete(never);
  await eventually(
    () => world.link.to("default/pod/never", "delete")[0],
    () => world.log.join("; "),
  );
  const metadata = { name: "settings", namespace: "default" };
  world.meta.put("configmap", { apiVersion: "v1", kind: "ConfigMap", metadata, data: { a: "b" } });
  await world.until("web", ({ phase }) => phase === "Running");
  expect(world.world.engine.pods.list().map(({ request }) => request.name)).toEqual(["web"]);
});

test("short of memory the node says so, and who is no part of it has to go", async () => {
  await using world = await EdgedWorld.open({
    thresholds: { memory: Number.MAX_SAFE_INTEGER, disk: 0, inodes: 0, pids: 0 },
    times: { look: 50 },
  });
  const critical = world.pod("critical", "exec sleep 1000");
  world.want({ ...critical, spec: { ...critical.spec, priority: 2_000_001_000 } });
  const main: Container = { name: "main", image: "busybox", command: ["sleep", "1000"] };
  world.want(world.pod("web", { containers: [{ ...main, resources: { requests: { memory: "1Mi" } } }] }));
  const status = await world.until("web", ({ phase }) => phase === "Failed");
  expect(status).toMatchObject({
    reason: "Evicted",
    message: expect.stringContaining("low on resource: memory") as unknown,
  });
  world.want(world.pod("late", { containers: [main] }));
  expect((await world.until("late", ({ phase }) => phase === "Failed")).message).toBe(
    "Pod was rejected: The node had condition: [MemoryPressure]. ",
  );
  await world.until("critical", ({ phase }) => phase === "Running");
  const pressed = await eventually(
    () =>
      world.link
        .to("default/nodepatch/edge1")
        .find(({ content }) => String(content).includes("InsufficientMemory")),
    () => "the node's word",
  );
  expect(JSON.parse(String(pressed.content))).toMatchObject({
    status: {
      conditions: [{ type: "MemoryPressure", status: "True" }, {}, {}, { type: "Ready", status: "True" }],
    },
  });
});

test("an ephemeral container joins a pod that runs; the end of a log is the last word of who has none", async () => {
  await using world = await EdgedWorld.open();
  const talk: Container = {
    name: "talk",
    image: "busybox",
    command: ["sh", "-c", "echo too bad; exit 9"],
    terminationMessagePolicy: "FallbackToLogsOnError",
  };
  const pod = world.want(
    world.pod("web", {
      restartPolicy: "Never",
      containers: [{ name: "main", image: "busybox", command: ["sleep", "1000"] }, talk],
    }),
  );
  await world.until(
    "web",
    ({ containerStatuses }) => containerStatuses?.[1]?.state.terminated?.message === "too bad\n",
  );
  const debug: Container = {
    name: "debug",
    image: "busybox",
    command: ["sleep", "1000"],
    targetContainerName: "main",
  };
  world.want({ ...pod, spec: { ...pod.spec, ephemeralContainers: [debug] } });
  await world.until(
    "web",
    ({ ephemeralContainerStatuses }) => ephemeralContainerStatuses?.[0]?.state.running !== undefined,
  );
  const { signal } = new AbortController();
  const exec = await world.edged.exec(
    { namespace: "default", pod: "web", container: "debug" },
    ["cat", "/proc/1/cmdline"],
    { stdin: false, stdout: true, stderr: true, tty: false, signal },
  );
  const said: string[] = [];
  for await (const { data } of exec.output) said.push(Buffer.from(data).toString());
  expect(said.join("").replaceAll("\0", " ")).toBe("sleep 1000 ");
});

test("a pod that this node cannot take is refused for good, and told why", async () => {
  await using world = await EdgedWorld.open();
  const { answer } = world.link;
  const metadata = { name: "edge1", labels: { zone: "a" } };
  world.link.answer = (message) =>
    message.route.operation === "query" ? { apiVersion: "v1", kind: "Node", metadata } : answer(message);
  const main: Container = { name: "main", image: "busybox", command: ["sleep", "1000"] };
  world.want(world.pod("here", { containers: [main], nodeSelector: { zone: "a" } }));
  await world.until("here", ({ phase }) => phase === "Running");
  world.want(world.pod("elsewhere", { containers: [main], nodeSelector: { zone: "b" } }));
  world.want(world.pod("large", { containers: [{ ...main, resources: { requests: { cpu: "1000" } } }] }));
  for (const [name, reason] of [
    ["elsewhere", "NodeAffinity"],
    ["large", "OutOfcpu"],
  ] as const) {
    const status = await world.until(name, ({ phase }) => phase === "Failed");
    expect(status).toMatchObject({
      reason,
      message: expect.stringContaining("Pod was rejected: ") as unknown,
    });
    expect(status.containerStatuses ?? null).toBeNull();
  }
  expect(world.world.engine.pods.list()).toHaveLength(1);
});

test("a critical pod is taken where there is no room for it, and who matters less ends for it", async () => {
  await using world = await EdgedWorld.open();
  const main = (cpu: number): Container => ({
    name: "main",
    image: "busybox",
    command: ["sleep", "1000"],
    resources: { requests: { cpu: `${Math.floor(cpus().length * 1000 * cpu)}m` } },
  });
  const spec = { terminationGracePeriodSeconds: 0 };
  world.want(world.pod("low", { ...spec, containers: [main(0.6)] }));
  world.want(world.pod("high", { ...spec, containers: [main(0.3)], priority: 1000 }));
  for (const name of ["low", "high"]) await world.until(name, ({ phase }) => phase === "Running");
  world.want(world.pod("critical", { ...spec, containers: [main(0.5)], priority: 2_000_001_000 }));
  const status = await world.until("low", ({ phase }) => phase === "Failed");
  expect(status).toMatchObject({
    reason: "Preempting",
    message: "Preempted in order to admit critical pod",
  });
  for (const name of ["critical", "high"]) await world.until(name, ({ phase }) => phase === "Running");
});

test("a pod of a service has its full name, and its aliases, in /etc/hosts", async () => {
  await using world = await EdgedWorld.open();
  const spec = {
    containers: [{ name: "main", image: "busybox", command: ["sh", "-c", "cat /etc/hosts; sleep 1000"] }],
    hostname: "db-0",
    subdomain: "db",
    hostAliases: [{ ip: "10.1.2.3", hostnames: ["printer"] }],
  };
  world.want(world.pod("web", spec));
  const { podIP = "" } = await world.until("web", ({ phase }) => phase === "Running");
  const { signal } = new AbortController();
  const of = { namespace: "default", pod: "web", container: "main" };
  const lines = await eventually(
    async () => {
      const text = await textOf(world.edged.logs(of, { signal }));
      return text.includes("printer") ? text.split("\n") : undefined;
    },
    () => world.log.join("; "),
  );
  expect(lines).toContain(`${podIP}\tdb-0.db.default.svc.cluster.local\tdb-0`);
  expect(lines).toContain("10.1.2.3\tprinter");
});

test("a container that writes more than its limit of the disk is evicted", async () => {
  await using world = await EdgedWorld.open({ times: { look: 50 } });
  const main: Container = {
    name: "main",
    image: "busybox",
    command: ["sh", "-c", "dd if=/dev/zero of=/big bs=1024 count=4096; sleep 1000"],
    resources: { limits: { "ephemeral-storage": "1Mi" } },
  };
  world.want(world.pod("web", { containers: [main] }));
  expect(await world.until("web", ({ phase }) => phase === "Failed")).toMatchObject({
    reason: "Evicted",
    message: 'Container main exceeded its local ephemeral storage limit "1Mi". ',
  });
});
