/** Those who are measured: each with a store of its own in the scratch folder, and its words for each verb. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { output, tried } from "../_command.ts";

export type Commands = readonly (readonly string[])[];

/** What a verb works on. */
export interface Job {
  readonly reference: string;
  /** The archive that is read or written. */
  readonly archive: string;
  /** A reference in a registry that has nothing. */
  readonly target: string;
}

export const verbs = ["load", "save", "push", "rmi", "images", "prune"] as const;
export type Verb = (typeof verbs)[number];

export interface Peer {
  readonly name: string;
  readonly version: string;
  /** The folder of all that it stores. */
  readonly root: string;
  /** A process that works for it. */
  readonly daemon?: number;
  /** Fetches and unpacks. */
  pull(reference: string): Commands;
  /** Of the verbs that it has, the words. */
  readonly verbs: Partial<Record<Verb, (job: Job) => Commands>>;
  /** Where an image is pushed under a name of its own: commands that give and take that name, not measured. */
  readonly nameForPush?: (job: Job) => { readonly give: readonly string[]; readonly take: readonly string[] };
  /** Many images of one archive, at once or in parts; undefined where it cannot. */
  readonly loadMany?: (archive: string) => Commands;
  /** Back to an empty store. */
  clear(): Promise<void>;
  end?(): Promise<void>;
}

async function firstLine(command: readonly string[]): Promise<string> {
  return (await output(command)).split("\n", 1)[0]?.trim() ?? "";
}

function empty(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}

/** `words`: the program and its flags, with `{root}` where the data root stands. */
export async function sampan(scratch: string, words: readonly string[]): Promise<Peer> {
  const root = join(scratch, "sampan");
  const program = words.map((word) => word.replaceAll("{root}", root));
  const load = (archive: string) => [[...program, "load", "--quiet", "--input", archive]];
  return {
    name: "sampan",
    version: await firstLine([...program.slice(0, 1), "--version"]),
    root,
    pull: (reference) => [[...program, "pull", reference]],
    verbs: {
      load: ({ archive }) => load(archive),
      save: ({ reference, archive }) => [[...program, "save", "--output", archive, reference]],
      push: ({ target }) => [[...program, "push", target]],
      rmi: ({ reference }) => [[...program, "rmi", "--force", reference]],
      images: () => [[...program, "images"]],
      prune: () => [[...program, "image", "prune", "--all", "--force"]],
    },
    nameForPush: ({ reference, target }) => ({
      give: [...program, "tag", reference, target],
      take: [...program, "rmi", target],
    }),
    loadMany: load,
    clear: async () => empty(root),
  };
}

export async function containerd(scratch: string): Promise<Peer> {
  const folder = join(scratch, "containerd");
  mkdirSync(folder);
  const root = join(folder, "root");
  const socket = join(folder, "socket");
  const config = [
    "version = 2",
    `root = "${root}"`,
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
  const ctr = ["ctr", "--address", socket, "images"];
  const until = performance.now() + 20_000;
  while (!existsSync(socket) || (await tried([...ctr, "list"])) !== undefined) {
    if (performance.now() > until || daemon.exitCode !== null) throw new Error("containerd does not answer");
    await Bun.sleep(50);
  }
  const load = (archive: string) => [[...ctr, "import", "--snapshotter", "overlayfs", archive]];
  const names = async () => (await output([...ctr, "list", "--quiet"])).split("\n").filter(Boolean);
  return {
    name: "containerd",
    version: await firstLine(["containerd", "--version"]),
    root,
    daemon: daemon.pid,
    pull: (reference) => [[...ctr, "pull", "--plain-http", "--snapshotter", "overlayfs", reference]],
    verbs: {
      load: ({ archive }) => load(archive),
      save: ({ reference, archive }) => [[...ctr, "export", archive, reference]],
      push: ({ reference, target }) => [[...ctr, "push", "--plain-http", target, reference]],
      rmi: ({ reference }) => [[...ctr, "remove", "--sync", reference]],
      images: () => [[...ctr, "list"]],
    },
    loadMany: load,
    clear: async () => {
      const all = await names();
      if (all.length > 0) await output([...ctr, "remove", "--sync", ...all]);
    },
    async end() {
      daemon.kill("SIGTERM");
      await daemon.exited;
    },
  };
}

export async function podman(scratch: string): Promise<Peer> {
  const folder = join(scratch, "podman");
  const root = join(folder, "root");
  const words = ["podman", "--root", root, "--runroot", join(folder, "run"), "--storage-driver", "overlay"];
  const load = (archive: string) => [[...words, "load", "--quiet", "--input", archive]];
  // Its own removal of many images takes minutes, and one that was ended in the middle leaves what it cannot load over.
  const empties = async () => {
    // It mounts its root upon itself.
    for (const place of [join(root, "overlay"), root]) await tried(["umount", place]);
    empty(folder);
  };
  return {
    name: "podman",
    version: await firstLine(["podman", "--version"]),
    root,
    pull: (reference) => [[...words, "pull", "--quiet", "--tls-verify=false", reference]],
    verbs: {
      load: ({ archive }) => load(archive),
      save: ({ reference, archive }) => [[...words, "save", "--quiet", "--output", archive, reference]],
      push: ({ reference, target }) => [
        [...words, "push", "--quiet", "--tls-verify=false", reference, `docker://${target}`],
      ],
      rmi: ({ reference }) => [[...words, "rmi", "--force", reference]],
      images: () => [[...words, "images"]],
      prune: () => [[...words, "image", "prune", "--all", "--force"]],
    },
    loadMany: load,
    clear: empties,
    end: empties,
  };
}

/** Programs for one step each; what unpacks is umoci, and the store is a folder with an OCI layout. */
export async function skopeoUmoci(scratch: string): Promise<Peer> {
  const folder = join(scratch, "skopeo");
  const image = `${join(folder, "layout")}:1`;
  const bundle = join(folder, "bundle");
  const copy = (from: string, to: string) => [
    "skopeo",
    "copy",
    "--quiet",
    "--insecure-policy",
    "--src-tls-verify=false",
    "--dest-tls-verify=false",
    from,
    to,
  ];
  const unpack = () => (existsSync(bundle) ? [] : [["umoci", "unpack", "--image", image, bundle]]);
  return {
    name: "skopeo+umoci",
    version: await firstLine(["skopeo", "--version"]),
    root: folder,
    pull: (reference) => [copy(`docker://${reference}`, `oci:${image}`), ...unpack()],
    verbs: {
      load: ({ archive, reference }) => [
        copy(`oci-archive:${archive}:${reference}`, `oci:${image}`),
        ...unpack(),
      ],
      save: ({ archive }) => [copy(`oci:${image}`, `oci-archive:${archive}:1`)],
      push: ({ target }) => [copy(`oci:${image}`, `docker://${target}`)],
      rmi: () => [
        ["umoci", "remove", "--image", image],
        ["umoci", "gc", "--layout", join(folder, "layout")],
        ["rm", "-rf", bundle],
      ],
    },
    clear: async () => empty(folder),
  };
}

/** The least that must be done, by the plainest programs, one step after the other: fetch, hash, inflate, unpack. */
export function floor(scratch: string, layersOf: (reference: string) => readonly string[]): Peer {
  const folder = join(scratch, "floor");
  return {
    name: "floor",
    version: "curl, sha256sum, gzip -d, tar -x one after the other",
    root: folder,
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
    verbs: {},
    clear: async () => {
      empty(folder);
      mkdirSync(join(folder, "root"));
    },
  };
}
