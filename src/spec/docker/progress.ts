/** Progress of long calls, as Docker's progress streams tell it. */

/** One step of a long verb. Lines of Docker's progress stream: `id` a short digest or empty, `status` a word, `current` and `total` in bytes. */
export interface Step {
  readonly id?: string;
  readonly status: string;
  readonly current?: number;
  readonly total?: number;
}

export interface LongCall {
  readonly signal?: AbortSignal;
  readonly onStep?: (step: Step) => void;
}
