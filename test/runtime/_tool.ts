/** tool.c, built when it is older than its source, and running beside a test. */
import { copyFileSync, mkdirSync, statSync } from "node:fs";
import { until, type Box } from "./_container.ts";

const source = "test/runtime/tool.c";
const program = "build/test-tool";

/** The static program's path. */
export function tool(): string {
  const made = statSync(program, { throwIfNoEntry: false });
  if (made === undefined || made.mtimeMs < statSync(source).mtimeMs) {
    mkdirSync("build", { recursive: true });
    const done = Bun.spawnSync([
      "gcc",
      "-static",
      "-O1",
      "-Wall",
      "-Wextra",
      "-Werror",
      "-o",
      program,
      source,
    ]);
    if (done.exitCode !== 0) throw new Error(done.stderr.toString());
  }
  return program;
}

/** Puts the tool into the container as /bin/tool. */
export function putTool(box: Box): void {
  copyFileSync(tool(), `${box.rootfs}/bin/tool`);
}

/** The tool on the host: what it has printed so far, and its end. */
export class Peer implements Disposable {
  readonly process: Bun.Subprocess<"pipe", "pipe", "inherit">;
  #text = "";
  readonly #reading: Promise<void>;

  private constructor(args: readonly string[]) {
    this.process = Bun.spawn([tool(), ...args], { stdin: "pipe", stdout: "pipe" });
    this.#reading = this.#read();
  }

  /** Once its socket is there. */
  static async start(...args: readonly string[]): Promise<Peer> {
    const peer = new Peer(args);
    await until(() => peer.text().startsWith("ready\n"));
    return peer;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.process.stdout) this.#text += decoder.decode(chunk);
  }

  text(): string {
    return this.#text;
  }

  /** Waits for its end; gives all that it printed after "ready". */
  async ended(): Promise<string> {
    await this.process.exited;
    await this.#reading;
    return this.#text.replace(/^ready\n/, "");
  }

  write(text: string): void {
    void this.process.stdin.write(text);
    void this.process.stdin.flush();
  }

  [Symbol.dispose](): void {
    this.process.kill(9);
  }
}
