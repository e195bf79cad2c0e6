/**
 * The work that edges give, bounded for each: what concerns one object is done in the order in which it came, several objects together, and what is too much is refused at once.
 * It ends with the session, and each piece with its deadline.
 */
import type { Clock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { Edge } from "../hub/hub.ts";

export type Work = (signal: AbortSignal) => Promise<void>;

export interface LanesOptions {
  readonly clock: Clock;
  /** Pieces of one edge that are worked on together. */
  readonly together: number;
  /** Pieces of one edge that wait. */
  readonly waiting: number;
  /** Bytes that they have together. */
  readonly bytes: number;
  /** Milliseconds for one piece, from when its turn has come. */
  readonly deadline: number;
}

export const usualLanes = { together: 8, waiting: 512, bytes: 16 << 20, deadline: 30_000 } as const;

/** What it is about, and how much it has in memory. */
export interface Load {
  readonly key: string;
  readonly weight: number;
}

interface Piece {
  readonly work: Work;
  readonly weight: number;
  readonly done: PromiseWithResolvers<void>;
}

/** Milliseconds of work at a stretch. What finds all in memory never waits for anything, and hundreds of such pieces would be one long turn in which nobody else is heard. */
const stretch = 5;
let began = 0;

function isLong(): boolean {
  return performance.now() - began > stretch;
}

async function breath(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  await promise;
  began = performance.now();
}

class Desk {
  readonly edge: Edge;
  private readonly options: LanesOptions;
  /** By object, those that wait; a key is here while one of them is worked on. */
  private readonly lanes = new Map<string, Piece[]>();
  /** Objects whose next piece may begin. */
  private readonly ready: string[] = [];
  private busy = 0;
  private count = 0;
  private bytes = 0;

  constructor(edge: Edge, options: LanesOptions) {
    this.edge = edge;
    this.options = options;
  }

  take({ key, weight }: Load, work: Work): Promise<void> {
    const isHeavy = this.count > 0 && this.bytes + weight > this.options.bytes;
    if (this.count >= this.options.waiting || isHeavy)
      throw new SampanError(
        "resource_exhausted",
        `cannot take the message of node "${this.edge.node}": ${this.count} are waiting`,
      );
    this.count++;
    this.bytes += weight;
    const piece = { work, weight, done: Promise.withResolvers<void>() };
    const lane = this.lanes.get(key);
    if (lane) lane.push(piece);
    else {
      this.lanes.set(key, [piece]);
      this.ready.push(key);
    }
    this.next();
    return piece.done.promise;
  }

  private next(): void {
    while (this.busy < this.options.together) {
      const key = this.ready.shift();
      const piece = key === undefined ? undefined : this.lanes.get(key)?.shift();
      if (key === undefined || piece === undefined) return;
      this.busy++;
      void this.run(key, piece);
    }
  }

  private async run(key: string, { work, weight, done }: Piece): Promise<void> {
    const { clock, deadline } = this.options;
    const limit = new AbortController();
    const end = (): void => limit.abort();
    const cancel = clock.after(deadline, end);
    this.edge.signal.addEventListener("abort", end, { once: true });
    let settle: () => void = done.resolve;
    try {
      if (!this.edge.signal.aborted) await work(limit.signal);
    } catch (error) {
      settle = () => done.reject(error);
    }
    cancel();
    this.edge.signal.removeEventListener("abort", end);
    this.busy--;
    this.count--;
    this.bytes -= weight;
    if (this.lanes.get(key)?.length === 0) this.lanes.delete(key);
    else this.ready.push(key);
    settle();
    if (isLong()) await breath();
    this.next();
  }
}

export class Lanes {
  private readonly desks = new WeakMap<Edge, Desk>();
  private readonly options: LanesOptions;

  constructor(options: LanesOptions) {
    this.options = options;
  }

  /** Resolves when the work is done; what it throws rejects. Throws `resource_exhausted` when too many wait. */
  take(edge: Edge, load: Load, work: Work): Promise<void> {
    let desk = this.desks.get(edge);
    if (!desk) {
      desk = new Desk(edge, this.options);
      this.desks.set(edge, desk);
    }
    return desk.take(load, work);
  }
}
