/** A ttrpc server on connections that somebody else has accepted: unary calls. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Duplex } from "node:stream";
import { SampanError } from "../../base/errors.ts";
import { dataLimit, encodeFrame, flags, type Frame, frameReader, types } from "./frames.ts";
import { numberOf } from "./status.ts";
import { RequestSchema, ResponseSchema, type Request } from "./ttrpc_pb.ts";

export type Method = (payload: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;
/** Service → method → what answers. */
export type Services = Readonly<Record<string, Readonly<Record<string, Method>>>>;

/** A method by the messages that go in and come out. */
export function unary<Input extends DescMessage, Output extends DescMessage>(
  input: Input,
  output: Output,
  answer: (request: MessageShape<Input>, signal: AbortSignal) => Promise<MessageInitShape<Output>>,
): Method {
  return async (payload, signal) =>
    toBinary(output, create(output, await answer(fromBinary(input, payload), signal)));
}

/** What is kept of calls that are not yet answered, for a server that takes over a connection of one that was killed. */
export interface Journal {
  /** One that throws has its call refused with the error. */
  begin(stream: number, request: Uint8Array): void;
  end(stream: number): void;
  /** Those of the earlier server. */
  readonly left: readonly (readonly [stream: number, request: Uint8Array])[];
  /** Whether a call may simply be made again. Others are answered `aborted`: how far they had come nobody knows. */
  readonly again: (method: string) => boolean;
}

export interface ServeOptions {
  readonly services: Services;
  readonly journal?: Journal;
  /** Calls at a time on one connection; 1024. More are refused. */
  readonly calls?: number;
  /** Bytes that may wait to be sent; 16 MiB. Who takes none is let go. */
  readonly backlog?: number;
}

export interface Serving {
  /** Resolves when the connection has ended. */
  readonly ended: Promise<void>;
  /** Whether everything that came was understood, and everything that was said is sent. */
  quiet(): boolean;
}

/** Serves until the connection ends, which cancels what still runs for it. */
export function serveTtrpc(connection: Duplex, options: ServeOptions): Serving {
  const { services, journal, calls = 1024, backlog = 16 << 20 } = options;
  const read = frameReader();
  const running = new Map<number, AbortController>();
  const { promise: ended, resolve } = Promise.withResolvers<void>();

  const send = (stream: number, data: Uint8Array): void => {
    if (connection.destroyed || connection.writableEnded) return;
    connection.write(encodeFrame({ stream, type: types.response, flags: 0, data }));
    if (connection.writableLength > backlog) connection.destroy();
  };
  const refuse = (stream: number, error: unknown): void => send(stream, failure(error));

  const take = (frame: Frame): void => {
    const wrong = refusal(frame);
    if (wrong) return refuse(frame.stream, wrong);
    // Data of a stream that was refused: nobody waits for them.
    if (frame.type !== types.request || !frame.data) return;
    if (running.has(frame.stream))
      return refuse(frame.stream, new SampanError("invalid_argument", `stream ${frame.stream} is in use`));
    if (running.size >= calls)
      return refuse(
        frame.stream,
        new SampanError("resource_exhausted", `cannot answer: ${calls} calls are running on this connection`),
      );
    try {
      journal?.begin(frame.stream, frame.data);
    } catch (error) {
      // A full disk, say: one call that is refused, and not the end of all that is served here.
      return refuse(frame.stream, error);
    }
    begin(frame.stream, frame.data);
  };
  const begin = (stream: number, data: Uint8Array): void => {
    const controller = new AbortController();
    running.set(stream, controller);
    void answer(services, data, controller).then((bytes) => {
      running.delete(stream);
      send(stream, bytes);
      journal?.end(stream);
    });
  };
  for (const [stream, data] of journal?.left ?? []) {
    if (journal?.again(methodIn(data))) begin(stream, data);
    else {
      refuse(stream, new SampanError("aborted", "the server was killed while it did this"));
      journal?.end(stream);
    }
  }

  connection.on("data", (chunk: Uint8Array) => {
    for (const frame of read(chunk)) take(frame);
  });
  connection.on("error", () => connection.destroy());
  connection.once("end", () => connection.end());
  connection.once("close", () => {
    for (const controller of running.values())
      controller.abort(new SampanError("cancelled", "the caller has gone"));
    resolve();
  });
  return { ended, quiet: () => !read.partial() && connection.writableLength === 0 };
}

function refusal({ stream, type, flags: flag, data }: Frame): SampanError | undefined {
  if (stream % 2 === 0)
    return new SampanError("invalid_argument", `cannot use stream ${stream}: a client's number is odd`);
  if (data === undefined)
    return new SampanError("resource_exhausted", `a message has more than ${dataLimit} bytes`);
  if (type === types.request && (flag & flags.remoteOpen) !== 0)
    return new SampanError("unimplemented", "no method here takes a stream");
  return undefined;
}

/** Never throws. */
async function answer(
  services: Services,
  data: Uint8Array,
  controller: AbortController,
): Promise<Uint8Array> {
  let late: ReturnType<typeof setTimeout> | undefined;
  try {
    const request = fromBinary(RequestSchema, data);
    late = deadline(request, controller);
    const payload = await methodOf(services, request)(request.payload, controller.signal);
    const bytes = toBinary(ResponseSchema, create(ResponseSchema, { status: {}, payload }));
    if (bytes.length <= dataLimit) return bytes;
    throw new SampanError("resource_exhausted", `the answer has more than ${dataLimit} bytes`);
  } catch (error) {
    return failure(error);
  } finally {
    clearTimeout(late);
  }
}

/** Longer timers than this are none: setTimeout's own bound. */
const longest = 2 ** 31 - 1;

function deadline({ timeoutNano }: Request, controller: AbortController) {
  const ms = Number(timeoutNano / 1_000_000n);
  if (ms <= 0 || ms > longest) return undefined;
  return setTimeout(
    () => controller.abort(new SampanError("deadline_exceeded", "the caller waits no longer")),
    ms,
  );
}

/** Empty for what is no request. */
function methodIn(data: Uint8Array): string {
  try {
    return fromBinary(RequestSchema, data).method;
  } catch {
    return "";
  }
}

function methodOf(services: Services, { service, method }: Request): Method {
  const found = Object.hasOwn(services, service) ? services[service] : undefined;
  const answerer = found && Object.hasOwn(found, method) ? found[method] : undefined;
  if (answerer) return answerer;
  throw new SampanError("unimplemented", `there is no method /${service}/${method}`);
}

/** Bytes of an error's text: containerd shows it to people. */
const longestMessage = 16_384;

function failure(error: unknown): Uint8Array {
  const { code, message } = SampanError.from(error);
  const status = { code: numberOf(code), message: message.slice(0, longestMessage) };
  return toBinary(ResponseSchema, create(ResponseSchema, { status }));
}
