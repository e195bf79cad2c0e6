/** The program as a person calls it, on a data root of its own. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unmount } from "../../src/kernel/mounts.ts";
import { killLeft } from "../containers/survivors.ts";
import { makeImage, type TestImage } from "../images/image.ts";
import { mountsBelow } from "../snapshots/place.ts";

export interface Done {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export interface Program extends Disposable {
  readonly folder: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Runs to the end. */
  readonly run: (args: readonly string[], input?: string | Uint8Array) => Promise<Done>;
}

/** Nothing is made in the network of this machine. */
const noBridge = "[network.bridge]\nenabled = false\n[network]\nfirewall = false\n";

/** As there is no bridge, a container has no network unless it is said. */
function withoutNetwork(args: readonly string[]): readonly string[] {
  return args[0] === "run" && !args.includes("--network")
    ? ["run", "--network", "none", ...args.slice(1)]
    : args;
}

export function makeProgram(): Program {
  const folder = mkdtempSync(join(tmpdir(), "sampan-cli-"));
  const config = join(folder, "config.toml");
  writeFileSync(
    config,
    `[engine]\nroot = ${JSON.stringify(join(folder, "root"))}\nstate = ${JSON.stringify(join(folder, "state"))}\n${noBridge}`,
  );
  mkdirSync(join(folder, "docker"));
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    DOCKER_CONFIG: join(folder, "docker"),
    SAMPAN_CONFIG: config,
    // Named, so that no daemon is started for it.
    SAMPAN_ROOT: join(folder, "root"),
    TERM: "xterm",
  };
  const command = [process.execPath, join(import.meta.dir, "../../src/bin/sampan.ts")];
  return {
    folder,
    command,
    env,
    run: async (args, input = "") => {
      const child = Bun.spawn([...command, ...withoutNetwork(args)], {
        cwd: folder,
        env,
        stdin: typeof input === "string" ? Buffer.from(input) : input,
        stdout: "pipe",
        stderr: "pipe",
        timeout: 60_000,
      });
      const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
      return { status, out, err };
    },
    [Symbol.dispose]: () => {
      // Of a container whose run was killed in the middle of a test.
      killLeft(join(folder, "root"));
      for (const mount of mountsBelow(folder).toReversed()) unmount(mount);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Of /bin/busybox, which must be a static program. */
export async function busyboxImage(extra = "one"): Promise<TestImage> {
  const busybox = await Bun.file("/bin/busybox").bytes();
  const applets = ["sh", "echo", "cat", "ls", "id", "pwd", "env", "hostname", "sleep"];
  return makeImage({
    format: "docker",
    layers: [
      [
        { name: "bin/", type: "directory", mode: 0o755 },
        { name: "bin/busybox", content: busybox, mode: 0o755 },
        ...applets.map((name) => ({ name: `bin/${name}`, type: "symlink" as const, target: "busybox" })),
      ],
      [
        { name: "etc/", type: "directory", mode: 0o755 },
        { name: "etc/extra", content: `${extra}\n`, mode: 0o644 },
        { name: "etc/no-program", content: "text", mode: 0o644 },
      ],
    ],
    config: { Cmd: ["/bin/echo", "default"], Env: ["PATH=/bin", "FROM=image"], Labels: { maker: "test" } },
  });
}
