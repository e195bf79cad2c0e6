/** An attachment to what does not run yet: it becomes a real one in the moment before the program is let go, so that not a byte is missed. */
import { SampanError } from "../../base/errors.ts";
import type { Attachment, MonitorConnection } from "../../runtime/runtime.ts";

export type AttachStreams = Parameters<MonitorConnection["attach"]>[0];

export class PendingAttachment implements Attachment {
  readonly output: ReadableStream<Uint8Array>;
  readonly #streams: AttachStreams;
  readonly #real = Promise.withResolvers<Attachment>();
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #onClose: () => void;

  constructor(streams: AttachStreams, onClose: () => void) {
    this.#streams = streams;
    this.#onClose = onClose;
    this.#real.promise.catch(() => undefined);
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
      const { output } = await this.#real.promise;
      const reader = (this.#reader ??= output.getReader() as ReadableStreamDefaultReader<Uint8Array>);
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    };
    const cancel = () => this[Symbol.asyncDispose]();
    this.output = new ReadableStream({ pull, cancel }, { highWaterMark: 0 });
  }

  async connect(connection: MonitorConnection): Promise<void> {
    try {
      this.#real.resolve(await connection.attach(this.#streams));
    } catch (error) {
      this.#real.reject(error);
    }
  }

  /** It will never run. */
  fail(error: unknown): void {
    this.#real.reject(error);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await (await this.#real.promise).write(bytes);
  }

  async closeStdin(): Promise<void> {
    await (await this.#real.promise).closeStdin();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#onClose();
    this.#real.reject(new SampanError("cancelled", "cannot attach: the client has gone"));
    const real = await this.#real.promise.catch(() => undefined);
    await real?.[Symbol.asyncDispose]();
  }
}
