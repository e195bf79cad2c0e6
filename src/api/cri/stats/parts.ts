/** What the calls of this folder share. */
import type { CriContext } from "../cri.ts";
import { LayerUsage } from "./layer-usage.ts";
import { CpuRates } from "./rates.ts";

export interface StatsParts extends Pick<CriContext, "engine" | "clock" | "signal"> {
  readonly layers: LayerUsage;
  readonly rates: CpuRates;
  readonly podRates: CpuRates;
}

export function statsParts({ engine, clock, signal }: CriContext): StatsParts {
  return {
    engine,
    clock,
    signal,
    layers: new LayerUsage(engine.snapshots, clock),
    rates: new CpuRates(),
    podRates: new CpuRates(),
  };
}
