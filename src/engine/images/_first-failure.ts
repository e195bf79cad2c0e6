/** Of several things that are done at once: what failed first, since the others fail because of it. */
import { SampanError } from "../../base/errors.ts";

export class FirstFailure {
  #first: { readonly error: unknown } | undefined;

  note(error: unknown): void {
    this.#first ??= { error };
  }

  get error(): unknown {
    return this.#first?.error;
  }

  /** The disk, or a limit of ours. */
  get isFull(): boolean {
    return isFull(this.error);
  }
}

export function isFull(error: unknown): boolean {
  return SampanError.from(error).code === "resource_exhausted";
}
