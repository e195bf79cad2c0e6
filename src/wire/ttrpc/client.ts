/** A ttrpc client on one connection to a unix socket: unary calls, several at a time. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { createConnection, type Socket } from "node:net";
import { SampanError } from "../../base/errors.ts";
import { dataLimit, encodeFrame, flags, frameReader, types } from "./frames.ts";
import { errorOf } from "./status.ts";
import { RequestSchema, ResponseSchema } from "./ttrpc_pb.ts";

export interface Call<Input extends DescMessage, Output extends DescMessage> {
  readonly service: string;
  readonly method: string;
  readonly input: Input;
  readonly output: Output;
  readonly request: MessageInitShape<Input>;
  /** Milliseconds; 10 s. */
  readonly timeout?: number;
}

export interface TtrpcClient extends Disposable {
  /** Errors: the server's status; `unavailable` when the connection has ended, `deadline_exceeded`, `cancelled`. */
  call<Input extends DescMessage, Output extends DescMessage>(
    call: Call<Input, Output>,
    signal?: AbortSignal,
  ): Promise<MessageShape<Output>>;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;
}

/** Errors: `unavailable` when nobody listens there. */
export async function openTtrpcClient(path: string, timeout = 10_000): Promise<TtrpcClient> {
  const socket = createConnection({ path });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("connect", resolve);
  socket.once("error", reject);
  const late = setTimeout(() => reject(new Error("it does not answer")), timeout);
  try {
    await promise;
  } catch (error) {
    socket.destroy();
    const { message } = SampanError.from(error);
    throw new SampanError("unavailable", `cannot connect to "${path}": ${message}`, { cause: error });
  } finally {
    clearTimeout(late);
  }
  return new Client(socket);
}

interface Waiting {
  readonly resolve: (data: Uint8Array) => void;
  readonly reject: (error: SampanError) => void;
}

class Client implements TtrpcClient {
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #stream = 1;

  constructor(socket: Socket) {
    this.#socket = socket;
    const read = frameReader();
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      for (const { stream, type, data } of read(chunk)) {
        if (type !== types.response) continue;
        const waiting = this.#waiting.get(stream);
        this.#waiting.delete(stream);
        if (data) waiting?.resolve(data);
        else waiting?.reject(new SampanError("resource_exhausted", "the answer is too long"));
      }
    });
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        for (const { reject } of this.#waiting.values())
          reject(new SampanError("unavailable", "the connection has ended"));
        this.#waiting.clear();
        resolve();
      });
    });
  }

  async call<Input extends DescMessage, Output extends DescMessage>(
    { service, method, input, output, request, timeout = 10_000 }: Call<Input, Output>,
    signal?: AbortSignal,
  ): Promise<MessageShape<Output>> {
    if (this.#socket.destroyed) throw new SampanError("unavailable", "the connection has ended");
    const payload = toBinary(input, create(input, request));
    const timeoutNano = BigInt(timeout) * 1_000_000n;
    const data = toBinary(RequestSchema, create(RequestSchema, { service, method, payload, timeoutNano }));
    if (data.length > dataLimit)
      throw new SampanError("resource_exhausted", `the request has more than ${dataLimit} bytes`);
    const { status, payload: answer } = fromBinary(
      ResponseSchema,
      await this.#exchange(data, { method, timeout, signal }),
    );
    if (status && status.code !== 0) throw errorOf(status.code, status.message);
    return fromBinary(output, answer);
  }

  async #exchange(
    data: Uint8Array,
    { method, timeout, signal }: { method: string; timeout: number; signal: AbortSignal | undefined },
  ): Promise<Uint8Array> {
    const stream = this.#stream;
    this.#stream += 2;
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    this.#waiting.set(stream, { resolve, reject });
    const late = setTimeout(
      () => reject(new SampanError("deadline_exceeded", `cannot ${method}: no answer within ${timeout} ms`)),
      timeout,
    );
    const abort = (): void => reject(new SampanError("cancelled", `cannot ${method}: it was cancelled`));
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    this.#socket.write(encodeFrame({ stream, type: types.request, flags: flags.remoteClosed, data }));
    try {
      return await promise;
    } finally {
      this.#waiting.delete(stream);
      clearTimeout(late);
      signal?.removeEventListener("abort", abort);
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
