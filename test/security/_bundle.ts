/** A bundle of the test's own with busybox and the probe in it, and the runtime's verbs on it. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { OciConfig } from "../../src/spec/oci/config.ts";
import { defaultConfig } from "../../src/spec/oci/default.ts";
import { busybox, program } from "./_place.ts";

/** The executable under test; SAMPAN_TEST_EXECUTABLE names another. */
export const executable = process.env["SAMPAN_TEST_EXECUTABLE"] ?? join(import.meta.dir, "../../dist/sampan");

export const needs = { root: true, programs: ["gcc", "busybox"], files: [executable] } as const;

/** Debian's runc 1.1.5: these tests show on it that their attacks are real. A later one has the faults repaired. */
export function oldRunc(): boolean {
  if (!Bun.which("runc")) return false;
  return /^runc version 1\.1\.5\b/.test(Bun.spawnSync(["runc", "--version"]).stdout.toString());
}

export interface Done {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What the command line is put behind: `setpriv …`, `sh -c '…; exec "$@"' sh`. */
  readonly wrapper?: readonly string[];
}

const tools =
  "sh cat echo env grep head id ls mkdir mount pwd readlink rm sleep stat test touch true wc".split(" ");

export class Bundle implements Disposable {
  /** Everything of this bundle is below it. */
  readonly place = mkdtempSync(join(tmpdir(), "sampan-security-"));
  readonly dir = join(this.place, "bundle");
  readonly rootfs = join(this.dir, "rootfs");
  readonly config: OciConfig;
  readonly #runtime: readonly string[];
  readonly #ids = new Set<string>();
  #count = 0;

  constructor(runtime: "sampan" | "runc" = "sampan") {
    const state = join(this.place, "state");
    this.#runtime = runtime === "runc" ? ["runc", "--root", state] : [executable, "runtime", "--root", state];
    for (const name of ["bin", "etc", "proc", "dev", "sys", "tmp", "root"])
      mkdirSync(join(this.rootfs, name), { recursive: true });
    chmodSync(this.place, 0o755);
    busybox(join(this.rootfs, "bin"), tools);
    program("probe", join(this.rootfs, "bin"));
    const config = defaultConfig();
    this.config = {
      ...config,
      root: { path: "rootfs" },
      process: { ...config.process, terminal: false, args: ["true"], env: ["PATH=/bin"] },
    };
  }

  /** A name that no other container of this machine has. */
  newId(): string {
    const id = `${basename(this.place)}-${this.#count++}`;
    this.#ids.add(id);
    return id;
  }

  write(config: OciConfig = this.config): void {
    writeFileSync(join(this.dir, "config.json"), JSON.stringify(config));
  }

  /** Calls a verb to its end. What it starts in the background may hold the output open, so that goes through files. */
  async call(words: readonly string[], { input, env, wrapper = [] }: CallOptions = {}): Promise<Done> {
    const number = this.#count++;
    const [out, err] = [join(this.place, `stdout-${number}`), join(this.place, `stderr-${number}`)];
    const child = Bun.spawn([...wrapper, ...this.#runtime, ...words], {
      cwd: this.dir,
      env: { PATH: process.env["PATH"] ?? "", ...env },
      stdin: input === undefined ? "ignore" : new Blob([input]),
      stdout: Bun.file(out),
      stderr: Bun.file(err),
    });
    const status = await child.exited;
    return { status, stdout: await Bun.file(out).text(), stderr: await Bun.file(err).text() };
  }

  /** Calls a verb whose process goes on in the background, and waits for that process too: until nobody holds the output open. */
  async drain(
    words: readonly string[],
    options: CallOptions & { readonly afterwards?: readonly string[] } = {},
  ): Promise<Done> {
    const { env, wrapper = [], afterwards } = options;
    const child = Bun.spawn([...wrapper, ...this.#runtime, ...words], {
      cwd: this.dir,
      env: { PATH: process.env["PATH"] ?? "", ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const status = await child.exited;
    const next = afterwards && status === 0 ? await this.call(afterwards) : undefined;
    if (next && next.status !== 0) throw new Error(`${String(afterwards?.[0])}: ${next.stderr}`);
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    return { status, stdout, stderr };
  }

  /** `run` in the foreground, of these arguments in the bundle's own configuration with changes. */
  async run(
    args: readonly string[],
    change: Partial<OciConfig> = {},
    options: CallOptions = {},
  ): Promise<Done> {
    const config = { ...this.config, ...change };
    this.write({ ...config, process: { ...config.process, args: [...args] } });
    return await this.call(["run", this.newId()], options);
  }

  /** A container in the background, which lives until this is disposed; gives its id. Fails as the runtime does. */
  async start(args: readonly string[], change: Partial<OciConfig> = {}): Promise<string> {
    const config = { ...this.config, ...change };
    this.write({ ...config, process: { ...config.process, args: [...args] } });
    const id = this.newId();
    const { status, stderr } = await this.call(["run", "-d", id]);
    if (status !== 0) throw new Error(`run -d: ${stderr}`);
    return id;
  }

  [Symbol.dispose](): void {
    for (const id of this.#ids)
      Bun.spawnSync([...this.#runtime, "delete", "--force", id], { stdout: "ignore", stderr: "ignore" });
    rmSync(this.place, { recursive: true, force: true });
  }
}
