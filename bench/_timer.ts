/** Drives timer.c: the steps of all runtimes in, samples out. */
import type { Runtime } from "./_runtimes.ts";
import { idOf, timerLines, type Bundles, type Scenario } from "./_scenarios.ts";

/** One turn of a scenario. */
export interface Sample {
  readonly wallMs: number;
  readonly processorMs: number;
  /** Resident, of the largest of its commands. */
  readonly peakMiB: number;
}

export interface TimeOptions {
  readonly timer: string;
  readonly runtimes: readonly Runtime[];
  readonly bundles: Bundles;
  readonly rounds: number;
}

/** Samples by the runtime's name. Whatever happens, no container of the scenario is left. */
export async function time(scenario: Scenario, options: TimeOptions): Promise<Map<string, Sample[]>> {
  const { timer, runtimes, bundles, rounds } = options;
  const lines = runtimes.flatMap((runtime, variant) =>
    timerLines({ ...scenario, rounds }, { runtime, variant, bundles }),
  );
  // A file, not a pipe: what runs detached keeps it open. Its own group, so that an interrupt leaves the cleaning to us.
  const errors = `${bundles.short}/errors`;
  const child = Bun.spawn([timer, String(rounds)], {
    stdin: Buffer.from(`${lines.join("\n")}\n`),
    stdout: "pipe",
    stderr: Bun.file(errors),
  });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) {
    for (const runtime of runtimes) await removeAll(runtime, scenario);
    throw new Error(
      `"${scenario.name}" failed: ${(await Bun.file(errors).text()).trim() || child.signalCode}`,
    );
  }
  return parse(text, runtimes);
}

function parse(text: string, runtimes: readonly Runtime[]): Map<string, Sample[]> {
  const samples = new Map(runtimes.map(({ name }): [string, Sample[]] => [name, []]));
  for (const line of text.trim().split("\n")) {
    const [variant = 0, wall = 0, processor = 0, peak = 0] = line.split(" ").map(Number);
    samples
      .get(runtimes[variant]?.name ?? "")
      ?.push({ wallMs: wall / 1e6, processorMs: processor / 1e6, peakMiB: peak / 1024 });
  }
  return samples;
}

async function removeAll(runtime: Runtime, scenario: Scenario): Promise<void> {
  const id = `${idOf(scenario)}-${runtime.name}`;
  const sides = Array.from({ length: scenario.count }, (_, number) => `${id}-${number}`);
  for (const each of [id, ...sides]) {
    await Bun.spawn([...runtime.words, "delete", "--force", each], { stdout: "ignore", stderr: "ignore" })
      .exited;
  }
}
