/** A blob's file while it is written: who unpacks it follows its growth, its restarts and its end. */
import type { UnpackJob } from "../unpack/unpack.ts";

export class GrowingFile {
  readonly path: string;
  /** Bytes that may be read. */
  #size: number;
  #ended = false;
  #restarts = 0;
  #job: UnpackJob | undefined;

  constructor(path: string, size: number) {
    this.path = path;
    this.#size = size;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get restarts(): number {
    return this.#restarts;
  }

  follow(job: UnpackJob): void {
    this.#job = job;
    job.available(this.#size);
    if (this.#ended) job.end();
  }

  grew(size: number): void {
    this.#size = size;
    this.#job?.available(size);
  }

  async restart(): Promise<void> {
    this.#size = 0;
    this.#restarts += 1;
    // A job that failed on the wrong bytes tells so itself.
    await this.#job?.restart().catch(() => undefined);
  }

  /** Whole and verified. */
  end(): void {
    this.#ended = true;
    this.#job?.end();
  }
}
