import { expect } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Container } from "../../../src/spec/kubernetes/pod.ts";
import { needing } from "../../needs.ts";
import { EdgedWorld, eventually, image, needs } from "./_world.ts";

const { test } = needing(needs);

const container = (name: string, script: string, more: Partial<Container> = {}): Container => ({
  name,
  image: "busybox",
  command: ["sh", "-c", script],
  ...more,
});

test("who crashes starts again at once without the cloud, and then waits", async () => {
  await using world = await EdgedWorld.open();
  world.link.connected = false;
  const { uid } = world.want(world.pod("web", "exit 4")).metadata;
  await eventually(
    () => (world.status(uid)?.containerStatuses?.[0]?.restartCount ?? 0) > 0 || undefined,
    () => JSON.stringify(world.status(uid)),
  );
  world.link.connected = true;
  const status = await world.until(
    "web",
    ({ containerStatuses }) => containerStatuses?.[0]?.state.waiting !== undefined,
  );
  expect(status.phase).toBe("Running");
  expect(status.containerStatuses?.[0]).toMatchObject({
    state: { waiting: { reason: "CrashLoopBackOff" } },
    lastState: { terminated: { exitCode: 4, reason: "Error" } },
  });
});

test("init containers and sidecars in order, those of the pod after them", async () => {
  await using world = await EdgedWorld.open();
  const pod = world.want(
    world.pod("web", {
      restartPolicy: "OnFailure",
      initContainers: [
        container("side", "echo side; exec sleep 1000", { restartPolicy: "Always" }),
        container("first", "exit 0"),
      ],
      containers: [container("main", "exit 0")],
    }),
  );
  const status = await world.until("web", ({ phase }) => phase === "Succeeded");
  expect(status.initContainerStatuses).toMatchObject([
    { name: "side", restartCount: 0 },
    { name: "first", state: { terminated: { exitCode: 0 } } },
  ]);
  const started = world.link.said
    .filter(({ route }) => route.resource.startsWith("default/event/") && route.operation === "insert")
    .map(({ content }) => content as { reason: string; message: string })
    .filter(({ reason }) => reason === "Started")
    .map(({ message }) => message.split(" ").at(-1));
  expect(started).toEqual(["side", "first", "main"]);
  // The sidecar is ended when all is done, and the sandbox with it.
  await eventually(
    () => world.world.engine.pods.list().every(({ state }) => state === "not_ready") || undefined,
    () => "its end",
  );
  world.delete(pod);
  await eventually(
    () => world.link.to("default/pod/web", "delete")[0],
    () => world.log.join("; "),
  );
  expect(world.world.engine.containers.list()).toEqual([]);
});

test("another image: the container is replaced, the pod stays", async () => {
  await using world = await EdgedWorld.open();
  const pod = world.want(world.pod("web", { containers: [container("main", "exec sleep 1000")] }));
  const before = await world.until("web", ({ phase }) => phase === "Running");
  world.want({
    ...pod,
    spec: { ...pod.spec, containers: [container("main", "exec sleep 2000", { image })] },
  });
  const after = await world.until(
    "web",
    ({ containerStatuses }) => containerStatuses?.[0]?.restartCount === 1 && containerStatuses[0].ready,
  );
  expect(after.podIP).toBe(before.podIP ?? "");
  expect(after.containerStatuses?.[0]?.image).toBe(image);
});

test("a postStart hook that fails ends its container; preStop comes before the end", async () => {
  await using world = await EdgedWorld.open();
  const pod = world.want(
    world.pod("web", {
      containers: [
        container("main", "exec sleep 1000", {
          lifecycle: { postStart: { exec: { command: ["a"] } }, preStop: { exec: { command: ["b"] } } },
        }),
      ],
    }),
  );
  await world.until("web", ({ containerStatuses }) => containerStatuses?.[0]?.ready === true);
  world.delete(pod, 5);
  await eventually(
    () => world.link.to("default/pod/web", "delete")[0],
    () => world.log.join("; "),
  );
  expect(world.hooks).toEqual(["main: a", "main: b"]);
});

test("another process takes over what runs, and knows what it was", async () => {
  await using world = await EdgedWorld.open();
  const pod = world.want(world.pod("web", "exec sleep 1000"));
  const before = await world.until("web", ({ phase }) => phase === "Running");
  await world.stop();
  // Nobody wanted this one any more meanwhile.
  await world.world.again();
  world.link.said.length = 0;
  await world.start();
  const after = await world.until("web", ({ phase }) => phase === "Running");
  expect(after).toMatchObject(before);
  await world.stop();
  world.meta.drop("pod", "web");
  await world.start();
  await eventually(
    () => world.world.engine.pods.list().length === 0 || undefined,
    () => "its end",
  );
  expect(world.link.to("default/pod/web", "delete")).toEqual([]);
  expect(pod.metadata.name).toBe("web");
});

test("pods that a new store does not know run on until the cloud has said what there is", async () => {
  await using world = await EdgedWorld.open();
  const kept = world.want(world.pod("kept", "exec sleep 1000"));
  world.want(world.pod("gone", "exec sleep 1000"));
  for (const name of ["kept", "gone"]) await world.until(name, ({ phase }) => phase === "Running");
  const before = await world.until("kept", ({ phase }) => phase === "Running");
  await world.stop();
  world.meta.objects.clear();
  const known = Promise.withResolvers<void>();
  world.options = { ...world.options, known: known.promise };
  await world.start();
  expect(world.workers()).toEqual([]);
  expect(world.world.engine.pods.list()).toHaveLength(2);
  world.link.said.length = 0;
  world.want(kept);
  known.resolve();
  await eventually(
    () => world.world.engine.pods.list().length === 1 || undefined,
    () => "the end of the other",
  );
  expect(await world.until("kept", ({ phase }) => phase === "Running")).toMatchObject({
    containerStatuses: [{ restartCount: 0, containerID: before.containerStatuses?.[0]?.containerID }],
  });
});

test("after a start of the machine without a cloud all comes back", async () => {
  await using world = await EdgedWorld.open();
  const spec = {
    initContainers: [container("first", "exit 0")],
    containers: [container("main", "exec sleep 1000")],
  };
  world.want(world.pod("web", spec));
  world.want(world.pod("job", { restartPolicy: "Never", containers: [container("main", "exit 0")] }));
  await world.until("web", ({ phase }) => phase === "Running");
  await world.until("job", ({ phase }) => phase === "Succeeded");
  await world.stop();
  world.link.connected = false;
  await world.world.again(() => world.world.cutPower());
  await world.start();
  const back = await eventually(
    () =>
      world
        .workers()
        .map(({ status }) => status)
        .find((status) => status?.phase === "Running" && status.containerStatuses?.[0]?.ready === true),
    () => JSON.stringify(world.workers().map(({ status }) => status)),
  );
  expect(back.initContainerStatuses?.[0]).toMatchObject({ restartCount: 1, ready: true });
  expect(back.containerStatuses?.[0]).toMatchObject({
    restartCount: 1,
    lastState: { terminated: { exitCode: 255 } },
  });
  world.link.connected = true;
  expect(await world.until("job", ({ phase }) => phase === "Succeeded")).toMatchObject({
    containerStatuses: [{ restartCount: 0 }],
  });
});

test("static pods run without a cloud and have a mirror in it", async () => {
  await using world = await EdgedWorld.open();
  const folder = join(world.world.folder, "manifests");
  world.link.connected = false;
  const manifest = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web" },
    spec: { terminationGracePeriodSeconds: 0, containers: [container("main", "exec sleep 1000")] },
  };
  writeFileSync(join(folder, "web.yaml"), JSON.stringify(manifest));
  writeFileSync(join(folder, "bad.yaml"), "kind: [");
  await eventually(
    () => world.workers().find(({ status }) => status?.phase === "Running"),
    () => world.log.join("; "),
  );
  expect(world.log.some((line) => line.includes("bad.yaml"))).toBe(true);
  world.link.answer = ({ route }) =>
    route.operation === "insert"
      ? { Object: { metadata: { name: "web-edge1", uid: "mirror" } }, Err: null }
      : { Object: null, Err: null };
  world.link.connected = true;
  await world.until("web-edge1", ({ phase }) => phase === "Running");
  const [inserted] = world.link.to("default/pod/web-edge1", "insert");
  expect(inserted?.content).toMatchObject({
    metadata: { annotations: { "kubernetes.io/config.source": "file" } },
    spec: { nodeName: "edge1" },
  });
  const [patch] = world.link.to("default/podpatch/web-edge1");
  expect(JSON.parse(String(patch?.content))).toMatchObject({ metadata: { uid: "mirror" } });
  rmSync(join(folder, "web.yaml"));
  await eventually(
    () => world.link.to("default/pod/web-edge1", "delete")[0],
    () => "its end",
  );
  await eventually(
    () => world.world.engine.pods.list().length === 0 || undefined,
    () => "its end",
  );
  mkdirSync(folder, { recursive: true });
});

test("a pod that is too long at it is given up, and one of another node is nobody's", async () => {
  await using world = await EdgedWorld.open();
  const other = world.pod("other", "exec sleep 1000");
  world.want({ ...other, spec: { ...other.spec, nodeName: "edge2" } });
  const spec = { terminationGracePeriodSeconds: 0, containers: [container("main", "exec sleep 1000")] };
  const pod = world.want(world.pod("web", spec));
  await world.until("web", ({ phase }) => phase === "Running");
  world.want({ ...pod, spec: { ...pod.spec, activeDeadlineSeconds: 1 } });
  const status = await world.until("web", ({ phase }) => phase === "Failed");
  expect(status).toMatchObject({
    reason: "DeadlineExceeded",
    containerStatuses: [{ state: { terminated: { exitCode: 137 } } }],
  });
  expect(world.workers()).toHaveLength(1);
  await world.stop();
  await world.start();
  expect(world.workers()[0]?.status).toMatchObject({ phase: "Failed", reason: "DeadlineExceeded" });
});

test("containers that cannot run say why", async () => {
  await using world = await EdgedWorld.open();
  world.want(
    world.pod("web", {
      restartPolicy: "Never",
      containers: [{ name: "main", image: "busybox", command: ["/nothere"] }],
    }),
  );
  const status = await world.until("web", ({ phase }) => phase === "Failed");
  expect(status.containerStatuses?.[0]?.state.terminated).toMatchObject({
    reason: "ContainerCannotRun",
    exitCode: 127,
  });
});

test("all is said again when the link comes back, and a deletion until it was heard", async () => {
  await using world = await EdgedWorld.open();
  world.want(world.pod("a", "exec sleep 1000"));
  const b = world.want(world.pod("b", "exec sleep 1000"));
  await world.until("a", ({ phase }) => phase === "Running");
  await world.until("b", ({ phase }) => phase === "Running");
  world.link.connected = false;
  world.delete(b);
  await eventually(
    () => world.world.engine.pods.list().length === 1 || undefined,
    () => "its end",
  );
  world.link.said.length = 0;
  world.link.connected = true;
  await world.until("a", ({ phase }) => phase === "Running");
  await eventually(
    () => world.link.to("default/pod/b", "delete")[0],
    () => "its deletion",
  );
  expect(await world.until("b", () => true)).toMatchObject({
    containerStatuses: [{ state: { terminated: { exitCode: 137 } } }],
  });
});

test("a second deletion with less time ends it sooner", async () => {
  await using world = await EdgedWorld.open();
  const pod = world.want(
    world.pod("web", {
      containers: [container("main", "trap '' TERM; echo up; while true; do sleep 1; done")],
    }),
  );
  await world.until("web", ({ phase }) => phase === "Running");
  world.delete(pod, 1000);
  await eventually(
    () => world.link.said.find(({ content }) => JSON.stringify(content).includes("Stopping container")),
    () => "the first",
  );
  world.delete(pod, 0);
  await eventually(
    () => world.link.to("default/pod/web", "delete")[0],
    () => world.log.join("; "),
  );
});
