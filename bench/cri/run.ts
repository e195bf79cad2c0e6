/**
 * `bun bench/cri/run.ts [--ours dist/sampan] [--json] [--quick]`: the calls that a kubelet makes for a pod of one container, of Sampan and of containerd, in turns, with the same plug-ins of
 * CNI, in one network namespace of their own; and of Sampan with its own bridge. Needs root, containerd, docker-registry, skopeo and CNI's plug-ins. Writes a table into bench/results.md.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { unmount } from "../../src/kernel/mounts.ts";
import { NamespaceMode } from "../../src/wire/cri/cri_pb.ts";
import { busyboxArchive } from "../../test/clients/_image.ts";
import { mountsBelow } from "../../test/snapshots/place.ts";
import { output } from "../_command.ts";
import { machine } from "../_machine.ts";
import { formOf, publish } from "../_publish.ts";
import { type Row, spreadOf } from "../_statistics.ts";
import { containerd, type CriPeer, type Place, sampan, sampanBridge, spawnInside } from "./_peers.ts";

const { values: flags } = parseArgs({
  options: {
    ours: { type: "string", default: join(import.meta.dir, "../../dist/sampan") },
    json: { type: "boolean" },
    quick: { type: "boolean" },
  },
});
const rounds = flags.quick ? 5 : 30;

const steps = [
  "RunPodSandbox",
  "CreateContainer",
  "StartContainer",
  "ExecSync of true",
  "StopContainer, at once",
  "RemoveContainer",
  "StopPodSandbox",
  "RemovePodSandbox",
  "PullImage, 1 MiB",
] as const;
type Step = (typeof steps)[number];
/** Those in which the network counts. */
const ofNetworks: ReadonlySet<Step> = new Set(["RunPodSandbox", "StopPodSandbox", "RemovePodSandbox"]);
type Times = Readonly<Record<Step, number>>;

let count = 0;

/** Milliseconds of each call of one pod's life. */
async function podLife({ name, runtime, images }: CriPeer, image: string, logs: string): Promise<Times> {
  const times: Partial<Record<Step, number>> = {};
  const timed = async <Answer>(step: Step, call: () => Promise<Answer>): Promise<Answer> => {
    const began = performance.now();
    const answer = await call();
    times[step] = performance.now() - began;
    return answer;
  };
  const uid = `${name}-${++count}`;
  const folder = join(logs, uid);
  mkdirSync(folder);
  const namespaceOptions = {
    network: NamespaceMode.POD,
    pid: NamespaceMode.CONTAINER,
    ipc: NamespaceMode.POD,
  };
  const sandboxConfig = {
    metadata: { name: uid, namespace: "bench", uid, attempt: 0 },
    hostname: uid,
    logDirectory: folder,
    linux: { cgroupParent: `/sampan-bench-${process.pid}`, securityContext: { namespaceOptions } },
  };
  const config = {
    metadata: { name: "one", attempt: 0 },
    image: { image },
    command: ["sleep", "1000"],
    logPath: "one.log",
    linux: { securityContext: { namespaceOptions } },
  };
  const { podSandboxId } = await timed("RunPodSandbox", () =>
    runtime.runPodSandbox({ config: sandboxConfig }),
  );
  const { containerId } = await timed("CreateContainer", () =>
    runtime.createContainer({ podSandboxId, config, sandboxConfig }),
  );
  await timed("StartContainer", () => runtime.startContainer({ containerId }));
  await timed("ExecSync of true", () => runtime.execSync({ containerId, cmd: ["true"], timeout: 10n }));
  await timed("StopContainer, at once", () => runtime.stopContainer({ containerId, timeout: 0n }));
  await timed("RemoveContainer", () => runtime.removeContainer({ containerId }));
  await timed("StopPodSandbox", () => runtime.stopPodSandbox({ podSandboxId }));
  await timed("RemovePodSandbox", () => runtime.removePodSandbox({ podSandboxId }));
  await images.removeImage({ image: { image } });
  await timed("PullImage, 1 MiB", () => images.pullImage({ image: { image } }));
  return times as Times;
}

/** A registry on loopback with the image of the containers, and as "pause" the same with another program. */
async function serveImages(place: Place): Promise<AsyncDisposable> {
  const settings = join(place.scratch, "registry.yml");
  const address = `127.0.0.1:${place.port}`;
  writeFileSync(
    settings,
    `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${place.scratch}/registry\nhttp:\n  addr: ${address}\n`,
  );
  const registry = spawnInside(place, "registry", ["docker-registry", "serve", settings]);
  const archive = join(place.scratch, "busybox.tar");
  writeFileSync(archive, await busyboxArchive("busybox:1", ["sleep", "1000000"]));
  for (const name of ["busybox", "pause"])
    for (let tries = 0; ; tries++) {
      const copy = ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", `docker-archive:${archive}`];
      const words = [
        "nsenter",
        `--net=/run/netns/${place.namespace}`,
        ...copy,
        `docker://${address}/${name}:1`,
      ];
      const done = await output(words).then(
        () => true,
        (error: unknown) => {
          if (tries > 50) throw error;
          return false;
        },
      );
      if (done) break;
      await Bun.sleep(100);
    }
  return registry;
}

/** Folders and a network namespace, with a registry in it. */
async function openPlace(
  stack: AsyncDisposableStack,
  { scratch, namespace }: Pick<Place, "scratch" | "namespace">,
): Promise<Place> {
  for (const name of ["sampan", "containerd", "logs"]) mkdirSync(join(scratch, name), { recursive: true });
  await output(["ip", "netns", "add", namespace]);
  stack.defer(async () => void (await output(["ip", "netns", "delete", namespace])));
  await output(["ip", "-n", namespace, "link", "set", "lo", "up"]);
  const place = { scratch, namespace, port: 5000 };
  stack.use(await serveImages(place));
  return place;
}

/** Of each step by peer; then those with Sampan's own bridge, against the same of the other. */
function rowsOf(samples: ReadonlyMap<CriPeer, readonly Times[]>, own: readonly Times[]): Row[] {
  const goal = { against: "containerd", ratio: 0.33 };
  const row = (name: string, step: Step, by: readonly (readonly [string, readonly Times[]])[]): Row => {
    const spreads = by.map(([peer, all]) => [peer, spreadOf(all.map((times) => times[step]))]);
    return { name, unit: "ms", spreads: Object.fromEntries(spreads), goal };
  };
  const by = [...samples].map(([{ name }, all]) => [name, all] as const);
  const swapped = by.map(([name, all]) => [name, name === "sampan" ? own : all] as const);
  return steps.flatMap((step) => [
    row(step, step, by),
    ...(ofNetworks.has(step) ? [row(`${step}, own bridge`, step, swapped)] : []),
  ]);
}

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const scratch = mkdtempSync(join(tmpdir(), "sampan-bench-cri-"));
  stack.defer(() => {
    for (const mount of mountsBelow(scratch).toReversed()) unmount(mount);
    rmSync(scratch, { recursive: true, force: true });
  });
  const namespace = `sampan-bench-${process.pid}`;
  const place = await openPlace(stack, { scratch, namespace });
  const ownPlace = await openPlace(stack, { scratch: join(scratch, "own"), namespace: `${namespace}-own` });
  // A copy: the original may be built anew meanwhile.
  const program = join(scratch, "sampan-program");
  copyFileSync(flags.ours, program);
  const peers = [stack.use(await sampan(place, program)), stack.use(await containerd(place))];
  const own = stack.use(await sampanBridge(ownPlace, program));
  const image = `127.0.0.1:${place.port}/busybox:1`;
  for (const { images } of [...peers, own]) {
    await images.pullImage({ image: { image } });
    await images.pullImage({ image: { image: image.replace("busybox", "pause") } });
  }
  const samples = new Map([...peers, own].map((peer) => [peer, [] as Times[]]));
  // The first of each is not counted: files that are read for the first time.
  for (let round = -1; round < rounds; round++)
    for (const [peer, all] of samples) {
      const times = await podLife(peer, image, join(scratch, "logs"));
      if (round >= 0) all.push(times);
    }
  const ownTimes = samples.get(own) ?? [];
  samples.delete(own);
  const rows = rowsOf(samples, ownTimes);
  const about = machine({
    runtimes: peers.map(({ name, version }) => ({ name, version, words: [], every: 1 })),
    missing: [],
  });
  const notes = [
    "- The life of a pod of one container, by gRPC, as a kubelet asks for it: one pod at a time, in turns, CNI's bridge, host-local and portmap for both.",
    "- Own bridge: of Sampan without CNI's plug-ins, beside containerd with them.",
    "- PullImage is of an image whose layers are not there, from a registry on loopback.",
  ];
  publish({ title: "CRI", about: [...about, ...notes], rows, as: formOf(flags) });
}

await main();
