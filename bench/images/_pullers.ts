/** Those who pull: each with a store of its own in the scratch folder, and the words for a pull into it. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { output, tried } from "../_command.ts";

export interface Puller {
  readonly name: string;
  readonly version: string;
  /** A process that works for it. */
  readonly daemon?: number;
  /** Fetches and unpacks. */
  pull(reference: string): readonly (readonly string[])[];
  /** Back to an empty store. */
  clear(reference: string): Promise<void>;
  end?(): Promise<void>;
}

async function firstLine(command: readonly string[]): Promise<string> {
  return (await output(command)).split("\n", 1)[0]?.trim() ?? "";
}

/** `words`: the program and its flags, with `{root}` where the data root stands. */
export async function sampan(scratch: string, words: readonly string[]): Promise<Puller> {
  const root = join(scratch, "sampan");
  const program = words.map((word) => word.replaceAll("{root}", root));
  return {
    name: "sampan",
    version: await firstLine([...program.slice(0, 1), "--version"]),
    pull: (reference) => [[...program, "pull", reference]],
    clear: async () => rmSync(root, { recursive: true, force: true }),
  };
}

export async function containerd(scratch: string): Promise<Puller> {
  const folder = join(scratch, "containerd");
  mkdirSync(folder);
  const socket = join(folder, "socket");
  const config = [
    "version = 2",
    `root = "${join(folder, "root")}"`,
    `state = "${join(folder, "state")}"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    `[grpc]\naddress = "${socket}"`,
    `[ttrpc]\naddress = "${socket}.ttrpc"`,
  ];
  writeFileSync(join(folder, "config.toml"), `${config.join("\n")}\n`);
  const daemon = Bun.spawn(["containerd", "--config", join(folder, "config.toml"), "--log-level", "error"], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(join(folder, "log")),
  });
  const ctr = ["ctr", "--address", socket];
  const until = performance.now() + 20_000;
  while (!existsSync(socket) || (await tried([...ctr, "version"])) !== undefined) {
    if (performance.now() > until || daemon.exitCode !== null) throw new Error("containerd does not answer");
    await Bun.sleep(50);
  }
  return {
    name: "containerd",
    version: await firstLine(["containerd", "--version"]),
    daemon: daemon.pid,
    pull: (reference) => [
      [...ctr, "images", "pull", "--plain-http", "--snapshotter", "overlayfs", reference],
    ],
    clear: async (reference) => void (await tried([...ctr, "images", "remove", "--sync", reference])),
    async end() {
      daemon.kill("SIGTERM");
      await daemon.exited;
    },
  };
}

export async function podman(scratch: string): Promise<Puller> {
  const root = join(scratch, "podman");
  const words = [
    "podman",
    "--root",
    join(root, "root"),
    "--runroot",
    join(root, "run"),
    "--storage-driver",
    "overlay",
  ];
  return {
    name: "podman",
    version: await firstLine(["podman", "--version"]),
    pull: (reference) => [[...words, "pull", "--quiet", "--tls-verify=false", reference]],
    clear: async (reference) => void (await tried([...words, "rmi", "--force", reference])),
    async end() {
      await tried([...words, "unshare", "true"]);
      for (const place of [join(root, "root", "overlay"), join(root, "root")]) await tried(["umount", place]);
    },
  };
}

export async function skopeoUmoci(scratch: string): Promise<Puller> {
  const folder = join(scratch, "skopeo");
  const layout = join(folder, "layout");
  return {
    name: "skopeo+umoci",
    version: await firstLine(["skopeo", "--version"]),
    pull: (reference) => [
      [
        "skopeo",
        "copy",
        "--quiet",
        "--insecure-policy",
        "--src-tls-verify=false",
        `docker://${reference}`,
        `oci:${layout}:1`,
      ],
      ...(existsSync(join(folder, "bundle"))
        ? []
        : [["umoci", "unpack", "--image", `${layout}:1`, join(folder, "bundle")]]),
    ],
    clear: async () => {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder);
    },
  };
}

/** The least that must be done, by the plainest programs, one step after the other: fetch, hash, inflate, unpack. */
export function floor(scratch: string, layersOf: (reference: string) => readonly string[]): Puller {
  const folder = join(scratch, "floor");
  return {
    name: "floor",
    version: "curl, sha256sum, gzip -d, tar -x one after the other",
    pull: (reference) =>
      layersOf(reference).flatMap((url, index) => {
        const file = join(folder, `${index}.tar`);
        return [
          ["curl", "--silent", "--fail", "--output", `${file}.gz`, url],
          ["sha256sum", `${file}.gz`],
          ["gzip", "-d", `${file}.gz`],
          ["tar", "-C", join(folder, "root"), "--xattrs", "-xf", file],
        ];
      }),
    clear: async () => {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(join(folder, "root"), { recursive: true });
    },
  };
}
