/** What a pod's fields become, in containers of the real engine. The sandbox is stood in for by namespaces of the container's own. */
import { afterAll, beforeAll, expect } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createContainer } from "../../../src/engine/containers/create.ts";
import { killContainer } from "../../../src/engine/containers/kill.ts";
import { startContainer } from "../../../src/engine/containers/start.ts";
import { waitContainer } from "../../../src/engine/containers/wait.ts";
import { containerBody } from "../../../src/fleet/edge/edged/container.ts";
import { environmentOf } from "../../../src/fleet/edge/edged/environment.ts";
import { runInEngine } from "../../../src/fleet/edge/edged/probes/engine-run.ts";
import { leastOomScore } from "../../../src/engine/host-abilities.ts";
import { containerMounts } from "../../../src/fleet/edge/edged/volumes/container-mounts.ts";
import { podDoor } from "../../../src/runtime/native/pods.ts";
import type { Container, PodSpec, Volume } from "../../../src/spec/kubernetes/pod.ts";
import { needs, Place } from "../../life/place.ts";
import { needing } from "../../needs.ts";
import { container, node, pod } from "./pods.ts";
import { until } from "../until.ts";
import { volumesFixture } from "./sources.ts";

const { test } = needing(needs);
const never = new AbortController().signal;

let place: Place;
const cgroups = new Set<string>();
beforeAll(async () => {
  place = new Place();
  await place.fill();
});
afterAll(async () => {
  await place[Symbol.asyncDispose]();
  // A sandbox would have taken them away with it.
  for (const parent of cgroups) await podDoor().removeCgroup(parent, [dirname(parent), "/sampan"]);
});

test("a probe's program gives its code and what it says, the beginning of it", async () => {
  const { id } = await place.start({ command: ["sleep", "1000"] });
  const run = runInEngine(place.live);
  expect(await run(id, ["sh", "-c", "echo out; echo err >&2; exit 3"], never)).toEqual({
    exitCode: 3,
    output: "out\nerr\n",
  });
  const long = await run(
    id,
    [
      "sh",
      "-c",
      "i=0; while [ $i -lt 2000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done",
    ],
    never,
  );
  expect(long.exitCode).toBe(0);
  expect(long.output.length).toBeLessThanOrEqual(16 << 10);
  const missing = await run(id, ["/no/such/program"], never);
  expect(missing.exitCode).toBe(126);
  await killContainer(place.live, id);
  expect(run(id, ["true"], never)).rejects.toThrow();
});

test("a probe's program that hangs is killed when its time is over", async () => {
  const { id } = await place.start({ command: ["sleep", "1000"] });
  const stop = new AbortController();
  const running = runInEngine(place.live)(id, ["sh", "-c", "echo up; exec sleep 1000"], stop.signal);
  const execs = () => place.live.tasks.table.execs.of(id);
  await until(() => execs().some(({ connection }) => connection !== undefined));
  const [exec] = execs();
  stop.abort();
  expect((await running).exitCode).toBe(-1);
  expect(await exec?.done.promise).toBe(137);
  await killContainer(place.live, id);
});

interface Ran {
  readonly code: number;
  readonly said: string;
  readonly message: string;
}

/** One container of a pod, to its end. */
async function ran(
  fixture: ReturnType<typeof volumesFixture>,
  own: Partial<Container>,
  { spec = {}, volumes = [] }: { spec?: Partial<PodSpec>; volumes?: readonly Volume[] } = {},
): Promise<Ran> {
  const wanted = container(own);
  const asked = pod({ ...spec, volumes, containers: [wanted] }, { uid: crypto.randomUUID() });
  const mounted = await fixture.volumes.mount(asked, never);
  const facts = { ...node, leastOomScore: leastOomScore() };
  const environment = await environmentOf(asked, wanted, {
    meta: fixture.meta,
    node: facts,
    podIps: ["10.1.0.5"],
    signal: never,
  });
  const { mounts, devices } = await containerMounts({
    pod: asked,
    container: wanted,
    volumes: fixture.volumes,
    mounted,
    environment,
  });
  const terminationMessage = join(fixture.root, `message-${asked.metadata.uid}`);
  writeFileSync(terminationMessage, "");
  chmodSync(terminationMessage, 0o666);
  const body = containerBody({
    pod: asked,
    container: wanted,
    kind: "app",
    sandbox: "0",
    attempt: 0,
    image: "busybox",
    environment,
    mounts,
    devices,
    terminationMessage,
    node: facts,
  });
  const { NetworkMode: _, IpcMode: __, UTSMode: ___, ...host } = body.HostConfig ?? {};
  if (host.CgroupParent) cgroups.add(host.CgroupParent);
  const { id } = await createContainer(place.live, {
    body: { ...body, HostConfig: { ...host, NetworkMode: "none" } },
  });
  const ended = waitContainer(place.live, id, "next-exit");
  await startContainer(place.live, id);
  const code = (await ended).statusCode;
  return { code, said: await place.log(id), message: readFileSync(terminationMessage, "utf8") };
}

test("a container sees its variables, its volumes and its rights", async () => {
  using fixture = volumesFixture();
  fixture.objects.set("secret/s", { data: { password: Buffer.from("pw").toString("base64") } } as object);
  const script = [
    "echo $POD $GREETING; cat /secret/password; echo",
    "echo x > /data/file && cat /data/file; cat /part/file",
    "echo y > /secret/password || echo read-only",
    "echo z > /root-file || echo read-only root",
    "grep -E '^(NoNewPrivs|Seccomp|CapEff):' /proc/self/status; id",
    "cat /proc/self/oom_score_adj",
    "echo why > /dev/termination-log; exit 5",
  ].join("; ");
  const own: Partial<Container> = {
    command: ["sh", "-c"],
    args: [script],
    env: [
      { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      { name: "GREETING", value: "hello-$(POD)" },
    ],
    volumeMounts: [
      { name: "data", mountPath: "/data" },
      { name: "data", mountPath: "/part", subPath: "." },
      { name: "secret", mountPath: "/secret" },
    ],
    resources: { limits: { memory: "64Mi" } },
    securityContext: {
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
    },
  };
  const volumes = [
    { name: "data", emptyDir: {} },
    { name: "secret", secret: { secretName: "s" } },
  ];
  const spec: Partial<PodSpec> = {
    securityContext: { runAsUser: 1000, runAsGroup: 1001, fsGroup: 1234, supplementalGroups: [77] },
  };
  const { code, said, message } = await ran(fixture, own, { spec, volumes });
  expect(code).toBe(5);
  expect(message).toBe("why\n");
  const lines = said.split("\n").filter((line) => !line.startsWith("sh: "));
  expect(lines.slice(0, 6)).toEqual(["web hello-web", "pw", "x", "x", "read-only", "read-only root"]);
  expect(said).toMatch(/CapEff:\s0000000000000000\nNoNewPrivs:\s1\nSeccomp:\s2\n/);
  expect(said).toMatch(/uid=1000\S* gid=1001\S* groups=\S*77.*1234/);
  expect(lines.at(-2)).toBe(String(Math.max(992, leastOomScore())));
});

test("a mount's place that is a link in the image leads nowhere out of the container", async () => {
  using fixture = volumesFixture();
  const outside = join(fixture.root, "outside");
  mkdirSync(outside);
  const evil = join(fixture.root, "evil");
  mkdirSync(evil);
  symlinkSync(outside, join(evil, "link"));
  const own: Partial<Container> = {
    command: ["sh", "-c", "echo in > /evil/link/inner/file; cat /evil/link/inner/file"],
    volumeMounts: [
      { name: "evil", mountPath: "/evil" },
      { name: "data", mountPath: "/evil/link/inner" },
    ],
  };
  const volumes = [
    { name: "evil", hostPath: { path: evil } },
    { name: "data", emptyDir: {} },
  ];
  await ran(fixture, own, { volumes }).catch(() => undefined);
  expect(existsSync(join(outside, "inner"))).toBe(false);
});

test.each(["/proc", "/proc/self/attr", "/proc/sys/kernel"])(
  "a volume over %s is refused: the container would believe it",
  async (mountPath) => {
    using fixture = volumesFixture();
    const own: Partial<Container> = { command: ["true"], volumeMounts: [{ name: "data", mountPath }] };
    expect(ran(fixture, own, { volumes: [{ name: "data", emptyDir: {} }] })).rejects.toThrow();
  },
);

test("a privileged container may have the host's /dev", async () => {
  using fixture = volumesFixture();
  const own: Partial<Container> = {
    command: ["sh", "-c", "echo x > /dev/null && ls /dev/null; echo why > /tmp/why"],
    terminationMessagePath: "/tmp/why",
    volumeMounts: [{ name: "dev", mountPath: "/dev", readOnly: true }],
    securityContext: { privileged: true },
  };
  const { code, said, message } = await ran(fixture, own, {
    volumes: [{ name: "dev", hostPath: { path: "/dev", type: "Directory" } }],
  });
  expect({ code, said, message }).toEqual({ code: 0, said: "/dev/null\n", message: "why\n" });
});
