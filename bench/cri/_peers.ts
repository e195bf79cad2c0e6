/**
 * Those who are measured: Sampan's daemon and Debian's containerd, each with folders, bridge and subnet of its own, in one network namespace, with the same plug-ins of CNI; and Sampan's
 * daemon with its own bridge, in another.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Client, createClient } from "@connectrpc/connect";
import { ImageService, RuntimeService } from "../../src/wire/cri/cri_pb.ts";
import { openGrpcClient } from "../../src/wire/grpc/client.ts";
import { output } from "../_command.ts";

export interface Place {
  readonly scratch: string;
  readonly namespace: string;
  /** Of the registry on loopback. */
  readonly port: number;
}

export interface CriPeer extends AsyncDisposable {
  readonly name: string;
  readonly version: string;
  readonly runtime: Client<typeof RuntimeService>;
  readonly images: Client<typeof ImageService>;
}

function inside({ namespace }: Place, words: readonly string[]): string[] {
  return ["nsenter", `--net=/run/netns/${namespace}`, ...words];
}

export function spawnInside(place: Place, name: string, words: readonly string[]): AsyncDisposable {
  const log = Bun.file(join(place.scratch, `${name}.log`));
  const child = Bun.spawn(inside(place, words), {
    stdin: "ignore",
    stdout: log,
    stderr: log,
    env: { PATH: process.env["PATH"] ?? "", HOME: place.scratch },
  });
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

/** A conflist with a bridge and a subnet of the peer's own. */
function network(folder: string, bridge: string, third: number): string {
  const configs = join(folder, "net.d");
  mkdirSync(configs, { recursive: true });
  const ipam = {
    type: "host-local",
    dataDir: join(folder, "ipam"),
    ranges: [[{ subnet: `10.77.${third}.0/24` }]],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  const plugins = [
    { type: "bridge", bridge, isGateway: true, ipMasq: false, ipam },
    { type: "portmap", capabilities: { portMappings: true } },
  ];
  writeFileSync(
    join(configs, "10-bench.conflist"),
    JSON.stringify({ cniVersion: "1.0.0", name: `bench-${bridge}`, plugins }),
  );
  return configs;
}

export async function sampan(place: Place, program: string): Promise<CriPeer> {
  const configs = network(join(place.scratch, "sampan"), "bench0", 1);
  const bridge = "[network.bridge]\nenabled = false\n";
  return await sampanWith(place, program, `${bridge}${cniSettings(configs)}`);
}

/** Without a conflist pods are in Sampan's own network. */
export async function sampanBridge(place: Place, program: string): Promise<CriPeer> {
  const configs = join(place.scratch, "sampan", "net.d");
  mkdirSync(configs, { recursive: true });
  return await sampanWith(place, program, cniSettings(configs));
}

const cniSettings = (configs: string) =>
  `[network.cni]\nconfig_dir = ${JSON.stringify(configs)}\nplugin_dirs = ["/usr/lib/cni"]\n`;

async function sampanWith(place: Place, program: string, text: string): Promise<CriPeer> {
  const folder = join(place.scratch, "sampan");
  const socket = join(folder, "cri.sock");
  writeFileSync(join(folder, "config.toml"), text);
  const words = [program, "daemon", "--cri", socket, "--config", join(folder, "config.toml")];
  const folders = ["--data-root", join(folder, "data"), "--run-root", join(folder, "run")];
  const daemon = spawnInside(place, "sampan", [...words, ...folders]);
  return connected(
    { name: "sampan", version: `sampan ${(await output([program, "--version"])).trim()}` },
    socket,
    daemon,
  );
}

export async function containerd(place: Place): Promise<CriPeer> {
  const folder = join(place.scratch, "containerd");
  const configs = network(folder, "bench1", 2);
  const socket = join(folder, "containerd.sock");
  const settings = `version = 2
root = "${folder}/root"
state = "${folder}/state"
[grpc]
address = "${socket}"
[ttrpc]
address = "${folder}/ttrpc.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "${folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "127.0.0.1:${place.port}/pause:1"
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "${configs}"
`;
  writeFileSync(join(folder, "config.toml"), settings);
  const daemon = spawnInside(place, "containerd", ["containerd", "--config", join(folder, "config.toml")]);
  const version = (await output(["containerd", "--version"])).trim().split(" ").slice(0, 3).join(" ");
  return connected({ name: "containerd", version }, socket, daemon);
}

async function connected(
  about: Pick<CriPeer, "name" | "version">,
  socket: string,
  daemon: AsyncDisposable,
): Promise<CriPeer> {
  const connection = openGrpcClient(socket);
  const runtime = createClient(RuntimeService, connection.transport);
  const images = createClient(ImageService, connection.transport);
  const isReady = async () => {
    const { status } = await runtime.status({}, { timeoutMs: 5000 });
    return status?.conditions.every((condition) => condition.status) ?? false;
  };
  let ready = false;
  for (let tries = 0; tries < 600 && !ready; tries++) {
    ready = await isReady().catch(() => false);
    if (!ready) await Bun.sleep(50);
  }
  if (!ready) {
    await daemon[Symbol.asyncDispose]();
    throw new Error(`${about.name} is not ready`);
  }
  return {
    ...about,
    runtime,
    images,
    async [Symbol.asyncDispose]() {
      for (const { id } of (await runtime.listPodSandbox({})).items)
        await runtime.removePodSandbox({ podSandboxId: id }).catch(() => undefined);
      connection[Symbol.dispose]();
      await daemon[Symbol.asyncDispose]();
    },
  };
}
