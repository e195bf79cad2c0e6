/** `sampan compare`. */
import { invalid, SampanError } from "../../base/errors.ts";
import { any, define } from "../command.ts";
import { formatFlag, jsonFlag, writeJson, writeRows, type Row } from "../format.ts";
import { printable } from "../text/identifier.ts";
import { formatBinary } from "./_stats-row.ts";
import { measure, type Measured } from "./_measure.ts";

const columns = "{{.Runtime}}\t{{.Start}}\t{{.Memory}}\t{{.SystemCall}}\t{{.Open}}\t{{.Kernel}}";
const heads = {
  Runtime: "ISOLATION",
  Start: "START",
  Memory: "MEMORY",
  SystemCall: "SYSTEM CALL",
  Open: "OPEN",
  Kernel: "KERNEL",
} as const;

type Outcome = { readonly runtime: string } & (Measured | { readonly error: string });

function rowOf(outcome: Outcome): Row {
  const { runtime: Runtime } = outcome;
  if ("error" in outcome)
    return { Runtime, Start: "-", Memory: "-", SystemCall: "-", Open: "-", Kernel: outcome.error };
  const { start, memory, systemCall, open, kernel } = outcome;
  return {
    Runtime,
    Start: `${start.toFixed(1)} ms`,
    Memory: memory === undefined ? "-" : formatBinary(memory),
    SystemCall: duration(systemCall),
    Open: duration(open),
    Kernel: kernel.release,
  };
}

function duration(nanoseconds: number): string {
  return nanoseconds < 1000 ? `${nanoseconds.toFixed(0)} ns` : `${(nanoseconds / 1000).toFixed(1)} µs`;
}

/** Docker lists one under a second name too, which no container could tell from the first. */
function isRuntime(name: string): boolean {
  return name !== "io.containerd.runc.v2";
}

export const command = define({
  summary: "The same image on every isolation: what each costs",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  flags: {
    format: formatFlag,
    json: jsonFlag,
    runs: { kind: "number", value: "N", help: "Starts of each, of which the median counts (5)" },
    runtime: { kind: "list", value: "NAME", help: "Only this one; may be given several times" },
  },
  words: { least: 1, most: any },
  flagsFirst: true,
  more: `Runs containers of the image without a network, one after the other, on each runtime of the daemon. START is from the order to the first byte of output, MEMORY what the container's control group holds then without page cache, SYSTEM CALL and OPEN what one of these costs a program in it, KERNEL what it sees. A small program of Sampan's own tells; with a COMMAND, START and MEMORY are that one's. Exits with 1 when no isolation could run it.`,
  examples: [
    ["compare alpine", "Every isolation of this daemon"],
    ["compare --runtime native --runtime runsc nginx nginx -v", "A program on two"],
    ["compare --json alpine", "For programs: milliseconds, bytes, nanoseconds"],
  ],
  run: async ({ flags, words, daemon: open, probe, ...io }) => {
    const [image = "", ...own] = words;
    const { runs = 5 } = flags;
    if (runs < 1 || runs > 1000) throw invalid(`cannot use --runs ${runs}: wanted a number from 1 to 1000`);
    const daemon = await open();
    const { Runtimes } = await daemon.info();
    const known = Object.keys(Runtimes ?? {}).filter(isRuntime);
    const stranger = flags.runtime.find((name) => !known.includes(name));
    if (stranger !== undefined)
      throw invalid(`cannot use --runtime "${stranger}": wanted ${known.join(", ")}`);
    const wanted = flags.runtime.length > 0 ? flags.runtime : known;
    // One that is not there is one error, not one for each isolation.
    await daemon.inspectImage(image);
    const bytes = await probe();
    const outcomes: Outcome[] = [];
    for (const runtime of wanted) {
      if (!flags.json && flags.format === undefined && io.err.size())
        await io.err.write(`${printable(runtime)} …\n`);
      const asked = { image, command: own, runtime, runs, probe: bytes, signal: io.signal };
      try {
        outcomes.push({ runtime, ...(await measure(daemon, asked)) });
      } catch (error) {
        if (io.signal.aborted) throw error;
        const { message } = SampanError.from(error);
        outcomes.push({ runtime, error: message.replace(/^Error response from daemon: /, "") });
      }
    }
    if (flags.json) await writeJson(io.out, outcomes);
    else await writeRows(io.out, outcomes.map(rowOf), { format: flags.format, columns, heads });
    return outcomes.some((outcome) => !("error" in outcome)) ? 0 : 1;
  },
});
