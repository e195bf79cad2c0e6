/** `sampan stats`. */
import { SampanError } from "../../base/errors.ts";
import type { StatsSample } from "../../spec/docker/stats.ts";
import type { DaemonClient } from "../client/daemon.ts";
import { any, define } from "../command.ts";
import { formatFlag, writeRows } from "../format.ts";
import type { Io, Output } from "../io.ts";
import { statsHeads, statsRow } from "./_stats-row.ts";

const columns =
  "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";

/** Milliseconds between two pictures. */
const interval = 500;

interface Look {
  readonly format: string | undefined;
  readonly full: boolean;
}

/** The last sample of each container, in the order in which they came. */
class Board {
  readonly samples = new Map<string, StatsSample>();
  readonly watched = new Map<string, Promise<void>>();
  failure: unknown;
  private readonly daemon: DaemonClient;
  private readonly signal: AbortSignal;

  constructor(daemon: DaemonClient, signal: AbortSignal) {
    this.daemon = daemon;
    this.signal = signal;
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

  private async follow(container: string, once: boolean): Promise<void> {
    for await (const sample of this.daemon.stats(container, { stream: !once, signal: this.signal })) {
      if (!this.samples.has(container)) return;
      this.samples.set(container, sample);
    }
  }
}

/** Those that start are shown, those that end are not any more. */
async function followEvents(daemon: DaemonClient, board: Board, signal: AbortSignal): Promise<void> {
  const filters = { type: ["container"], event: ["start", "die"] };
  for await (const { Action, Actor } of daemon.events({ filters, signal })) {
    if (Action === "start") board.watch(Actor.ID, { once: false, named: false });
    else board.forget(Actor.ID);
  }
}

async function draw(out: Output, board: Board, { format, full }: Look): Promise<void> {
  const rows = [...board.samples].map(([container, sample]) => statsRow(container, sample, full));
  const terminal = out.size() !== undefined && (format === undefined || format.startsWith("table"));
  // Home, then the table, then clear what is below: no flicker.
  let text = "";
  await writeRows({ write: async (data) => void (text += String(data)), size: () => out.size() }, rows, {
    format,
    columns,
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

export const command = define({
  summary: "Show what running containers use, as it changes",
  usage: "[OPTIONS] [CONTAINER...]",
  flags: {
    all: { kind: "yes", short: "a", help: "Also those that do not run" },
    format: formatFlag,
    "no-stream": { kind: "yes", help: "Once" },
    "no-trunc": { kind: "yes", help: "Do not cut ids" },
  },
  words: { least: 0, most: any },
  more: "MEM USAGE is without the page cache that can be dropped (inactive_file).",
  examples: [
    ["stats", "All that run, until Ctrl-C"],
    ["stats --no-stream --format '{{.Name}}: {{.CPUPerc}}' web", "One line"],
  ],
  run: async ({ flags, words, daemon: open, ...io }) => {
    const daemon = await open();
    const once = flags["no-stream"];
    const look = { format: flags.format, full: flags["no-trunc"] };
    const board = new Board(daemon, io.signal);
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
    if (!named) followEvents(daemon, board, io.signal).catch((error: unknown) => (board.failure ??= error));
    return watchAll(board, io, look);
  },
});
