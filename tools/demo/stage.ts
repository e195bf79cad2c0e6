/** Programs of the demo, its steps as they are shown, and what is waited for. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Ran {
  readonly status: number;
  readonly output: string;
}

interface Running {
  readonly name: string;
  readonly child: Bun.Subprocess;
  readonly log: string;
}

const [bold, dim, plain] = process.stdout.isTTY ? ["\x1b[1m", "\x1b[2m", "\x1b[0m"] : ["", "", ""];

export class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), "sampan-demo-"));
  readonly began = performance.now();
  readonly env: Record<string, string>;
  private readonly sampan: string;
  private readonly running: Running[] = [];
  private step = 0;

  constructor(sampan: string) {
    this.sampan = sampan;
    this.env = {
      PATH: process.env["PATH"] ?? "",
      HOME: this.folder,
      KUBECONFIG: join(this.folder, "cloud", "admin.kubeconfig"),
      SAMPAN_CONFIG: join(this.folder, "engine.toml"),
      SAMPAN_EDGE_CONFIG: join(this.folder, "edge.toml"),
    };
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, text: string): string {
    writeFileSync(this.path(name), text);
    return this.path(name);
  }

  title(text: string): void {
    const seconds = ((performance.now() - this.began) / 1000).toFixed(1);
    console.log(`\n${bold}${++this.step}. ${text}${plain} ${dim}(${seconds} s)${plain}`);
  }

  say(text: string): void {
    for (const line of text.trimEnd().split("\n")) console.log(`     ${line.replaceAll(this.folder, "…")}`);
  }

  /** As a person would type it. */
  command(argv: readonly string[]): string {
    return argv
      .map((word) => (word === this.sampan ? "sampan" : word.replaceAll(this.folder, "…")))
      .map((word) => (/[ ;|{}"$*]/.test(word) ? `'${word}'` : word))
      .join(" ");
  }

  /** A part that lives as long as the demo; its log is a file. */
  start(name: string, args: readonly string[]): void {
    const log = this.path(`${name}.log`);
    console.log(`   $ ${this.command([this.sampan, ...args])} ${dim}2> …/${name}.log &${plain}`);
    appendFileSync(log, "");
    const child = Bun.spawn([this.sampan, ...args], {
      env: this.env,
      // Ctrl-C on the terminal is the demo's, which ends its parts in order.
      detached: true,
      stdin: "ignore",
      stdout: "ignore",
      stderr: Bun.file(log),
    });
    this.running.push({ name, child, log });
  }

  logOf(name: string): string {
    return readFileSync(this.path(`${name}.log`), "utf8");
  }

  /** The value of a field of a part's line `ready`. */
  async ready(name: string): Promise<Readonly<Record<string, string>>> {
    const line = await this.until(
      `${name} to be ready`,
      () => /^.* info ready .*$/m.exec(this.logOf(name))?.[0],
    );
    return Object.fromEntries(
      [...line.matchAll(/(\w+)=("[^"]*"|\S+)/g)].map(([, key = "", value = ""]) => [
        key,
        value.replaceAll('"', ""),
      ]),
    );
  }

  /** Runs to the end without being shown. */
  async run(argv: readonly string[], input = ""): Promise<Ran> {
    const child = Bun.spawn([...argv], {
      env: this.env,
      cwd: this.folder,
      stdin: Buffer.from(input),
      stdout: "pipe",
      stderr: "pipe",
      timeout: 60_000,
    });
    const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { status, output: out + err };
  }

  /** Runs and shows the command and what it says; anything but success ends the demo. */
  async show(argv: readonly string[], { lines = 8 }: { readonly lines?: number } = {}): Promise<string> {
    console.log(`   $ ${this.command(argv)}`);
    const { status, output } = await this.run(argv);
    const shown = output.trimEnd().split("\n");
    if (lines > 0) this.say(shown.slice(0, lines).join("\n"));
    if (lines > 0 && shown.length > lines) this.say(`… ${shown.length - lines} more lines`);
    if (status !== 0) throw new Error(`"${this.command(argv)}" ended with ${status}`);
    return output;
  }

  sampanCommand(...args: string[]): string[] {
    return [this.sampan, ...args];
  }

  /** Waits for what comes by itself. Who ended meanwhile is the reason that is given. */
  async until<Found>(
    what: string,
    look: () => Found | undefined | false | Promise<Found | undefined | false>,
    seconds = 60,
  ): Promise<Found> {
    const end = performance.now() + seconds * 1000;
    for (;;) {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      const ended = this.running.find(({ child }) => child.exitCode !== null);
      if (ended)
        throw new Error(
          `${ended.name} ended with ${ended.child.exitCode} while the demo waited for ${what}:\n${this.logOf(ended.name).trimEnd().split("\n").slice(-5).join("\n")}`,
        );
      if (performance.now() > end) throw new Error(`the demo waited ${seconds} s in vain for ${what}`);
      await Bun.sleep(50);
    }
  }

  /** Ends the parts, the last one first. */
  async end(): Promise<void> {
    for (const { child } of this.running.toReversed()) {
      child.kill("SIGTERM");
      await Promise.race([child.exited, Bun.sleep(20_000)]);
      child.kill("SIGKILL");
      await child.exited;
    }
    this.running.length = 0;
  }

  /** With `keep` logs stay, to be looked at. */
  clear(keep: boolean): void {
    if (keep) console.log(`What is left to look at: ${this.folder}`);
    else rmSync(this.folder, { recursive: true, force: true });
  }
}
