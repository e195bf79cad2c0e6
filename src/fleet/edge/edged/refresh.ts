/** Keeps what stands in a pod's volumes as its sources have it, and tokens good: when somebody says that it may have changed, and when its time comes. */
import { SampanError } from "../../../base/errors.ts";
import type { Pod } from "../../../spec/kubernetes/pod.ts";
import type { EdgedParts } from "./parts.ts";

/** Milliseconds after one that failed. */
const again = 60_000;

export class VolumeRefresh implements Disposable {
  readonly #parts: EdgedParts;
  #cancel = () => {};
  #isDisposed = false;

  constructor(parts: EdgedParts) {
    this.#parts = parts;
  }

  now(pod: () => Pod | undefined): void {
    this.#cancel();
    const wanted = pod();
    if (!wanted || this.#isDisposed) return;
    const { means, log, signal } = this.#parts;
    const { namespace = "default", name = "" } = wanted.metadata;
    means.volumes.refresh(wanted, signal).then(
      (after) => {
        if (after !== undefined) this.#plan(after, pod);
      },
      (error: unknown) => {
        log(`cannot renew the volumes of pod "${namespace}/${name}": ${SampanError.from(error).message}`);
        this.#plan(again, pod);
      },
    );
  }

  #plan(after: number, pod: () => Pod | undefined): void {
    this.#cancel();
    if (!this.#isDisposed) this.#cancel = this.#parts.clock.after(after, () => this.now(pod));
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#cancel();
  }
}
