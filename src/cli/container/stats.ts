/** `sampan stats`. */
import { SampanError } from "../../base/errors.ts";
import type { StatsSample } from "../../spec/docker/stats.ts";
import type { DaemonClient } from "../client/daemon.ts";
import { any, define } from "../command.ts";
import { formatFlag, writeRows } from "../format.ts";
import type { Io, Output } from "../io.ts";
import { cpuLimit, statsHeads, statsRow } from "./_stats-row.ts";

const columns =
  "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";
const limitColumns = columns.replace("{{.CPUPerc}}", "{{.CPUPerc}}\t{{.CPULimitPerc}}\t{{.CPUHostPerc}}");

/** Milliseconds between two pictures. */
const interval = 500;

interface Look {
  readonly format: string | undefined;
  readonly full: boolean;
  /** The limits of the processor are shown, which stand in no sample. */
  readonly limits: boolean;
}

/** The last sample of each container, in the order in which they came. */
class Board {
  readonly samples = new Map<string, StatsSample>();
  readonly watched = new Map<string, Promise<void>>();
  /** Processors that each may use. */
  readonly cpus = new Map<string, number | undefined>();
  failure: unknown;
  private readonly daemon: DaemonClient;
  private readonly signal: AbortSignal;
  private readonly limits: boolean;
  /** Names that were asked for, by id. */
  private readonly names = new Map<string, string>();

  constructor(daemon: DaemonClient, signal: AbortSignal, { limits }: Look) {
    this.daemon = daemon;
    this.signal = signal;
    this.limits = limits;
  }

  watch(container: string, { once, named }: { once: boolean; named: boolean }): void {
    if (this.watched.has(container)) return;
    this.samples.set(container, {});
    this.watched.set(
      container,
      this.follow(container, once).catch((error: unknown) => {
        // One that was not asked for by name may have gone meanwhile.
        if (named) this.failure ??= error;
        this.forget(container);
      }),
    );
  }

  forget(container: string): void {
    this.samples.delete(container);
    this.watched.delete(container);
  }

  /** The limits of one may be others. One that has gone meanwhile has none. */
  async changed(id: string): Promise<void> {
    if (this.names.has(id)) await this.measure(id).catch(() => {});
  }

  private async measure(container: string): Promise<void> {
    const { Id, HostConfig } = await this.daemon.inspectContainer(container);
    const name = this.names.get(Id) ?? container;
    this.names.set(Id, name);
    this.cpus.set(name, cpuLimit(HostConfig));
  }

  private async follow(container: string, once: boolean): Promise<void> {
    if (this.limits) await this.measure(container);
    for await (const sample of this.daemon.stats(container, { stream: !once, signal: this.signal })) {
      if (!this.samples.has(container)) return;
      this.samples.set(container, sample);
    }
  }
}

interface Followed {
  readonly board: Board;
  /** Only those that were asked for are shown. */
  readonly named: boolean;
  readonly signal: AbortSignal;
}

/** Those that start are shown, those that end are not any more; limits may change. */
async function followEvents(daemon: DaemonClient, { board, named, signal }: Followed): Promise<void> {
  const filters = { type: ["container"], event: named ? ["update"] : ["start", "die", "update"] };
  for await (const { Action, Actor } of daemon.events({ filters, signal })) {
    if (Action === "update") await board.changed(Actor.ID);
    else if (Action === "start") board.watch(Actor.ID, { once: false, named: false });
    else board.forget(Actor.ID);
  }
}

async function draw(out: Output, board: Board, { format, full, limits }: Look): Promise<void> {
  const rows = [...board.samples].map(([container, sample]) =>
    statsRow(container, sample, { full, cpus: board.cpus.get(container) }),
  );
  const terminal = out.size() !== undefined && (format === undefined || format.startsWith("table"));
  // Home, then the table, then clear what is below: no flicker.
  let text = "";
  await writeRows({ write: async (data) => void (text += String(data)), size: () => out.size() }, rows, {
    format,
    columns: limits ? limitColumns : columns,
    heads: statsHeads,
  });
  const clear = "\u001b[K";
  await out.write(terminal ? `\u001b[H${text.replaceAll("\n", `${clear}\n`)}\u001b[J` : text);
}

async function until(signal: AbortSignal, milliseconds: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}

async function watchAll(board: Board, io: Io, look: Look): Promise<number> {
  if (io.out.size()) await io.out.write("\u001b[2J");
  while (!io.signal.aborted) {
    if (board.failure !== undefined) throw SampanError.from(board.failure);
    await draw(io.out, board, look);
    await until(io.signal, interval);
  }
  return 0;
}

function asksLimits(format = ""): boolean {
  return format === "json" || /\.CPULimit|json \./.test(format);
}

export const command = define({
  summary: "Show what running containers use, as it changes",
  usage: "[OPTIONS] [CONTAINER...]",
  flags: {
    all: { kind: "yes", short: "a", help: "Also those that do not run" },
    format: formatFlag,
    limits: { kind: "yes", help: "CPU also as a share of each one's limit and of the host" },
    "no-stream": { kind: "yes", help: "Once" },
    "no-trunc": { kind: "yes", help: "Do not cut ids" },
  },
  words: { least: 0, most: any },
  more: "CPU % is of one processor: two busy ones are 200. MEM USAGE is without the page cache that can be dropped (inactive_file).",
  examples: [
    ["stats", "All that run, until Ctrl-C"],
    ["stats --no-stream --format '{{.Name}}: {{.CPUPerc}}' web", "One line"],
    ["stats --limits", "How near each is to its limit"],
  ],
  run: async ({ flags, words, daemon: open, ...io }) => {
    const daemon = await open();
    const once = flags["no-stream"];
    const look = {
      format: flags.format,
      full: flags["no-trunc"],
      limits: flags.limits || asksLimits(flags.format),
    };
    const board = new Board(daemon, io.signal, look);
    const named = words.length > 0;
    const shown = named
      ? words
      : (await daemon.containers({ all: flags.all, filters: {} })).map(({ Id }) => Id);
    for (const container of shown) board.watch(container, { once, named });
    if (once) {
      await Promise.all(board.watched.values());
      if (board.failure !== undefined) throw SampanError.from(board.failure);
      await draw({ ...io.out, size: () => undefined }, board, look);
      return 0;
    }
    if (!named || look.limits)
      followEvents(daemon, { board, named, signal: io.signal }).catch(
        (error: unknown) => (board.failure ??= error),
      );
    return watchAll(board, io, look);
  },
});
