/** The CRI on a unix socket: the calls of all parts over one engine. */
import type { Clock } from "../../base/clock.ts";
import { SampanError } from "../../base/errors.ts";
import type { LiveEngine } from "../../engine/engine.ts";
import type { CriSettings } from "../../engine/settings.ts";
import { ImageService, RuntimeService } from "../../wire/cri/cri_pb.ts";
import { openGrpcServer } from "../../wire/grpc/server.ts";
import { containerCalls } from "./containers/calls.ts";
import type { CriContext, RuntimeCalls } from "./cri.ts";
import { translated } from "./errors.ts";
import { CriEvents } from "./events.ts";
import { imageCalls } from "./images/calls.ts";
import { sandboxCalls } from "./sandboxes/calls.ts";
import { statsCalls } from "./stats/calls.ts";
import { openStreaming } from "./streaming/calls.ts";
import { versionCalls } from "./version.ts";

export interface CriOptions {
  readonly settings: CriSettings;
  readonly clock: Clock;
  readonly log: (text: string) => void;
}

export interface Cri {
  /** Where it listens. */
  readonly path: string;
  /** How many clients follow events. */
  readonly listeners: number;
}

/** Resolves when it listens; root and its group may connect. Errors: those of openGrpcServer. */
export async function openCri(
  engine: LiveEngine,
  { settings, clock, log }: CriOptions,
): Promise<Cri & AsyncDisposable> {
  const { socket } = settings;
  if (socket === undefined)
    throw new SampanError("failed_precondition", "cannot serve the CRI: no socket is set ([cri] socket)");
  await using stack = new AsyncDisposableStack();
  const end = new AbortController();
  stack.defer(() => end.abort());
  const context: CriContext = { engine, settings, clock, log, signal: end.signal };
  const events = new CriEvents(context);
  const streaming = stack.use(await openStreaming(context));
  const runtime: RuntimeCalls = {
    ...versionCalls(context),
    ...sandboxCalls(context, events.sandbox),
    ...containerCalls(context),
    ...events.calls,
    ...statsCalls(context),
    ...streaming.calls,
  };
  const server = await openGrpcServer({
    path: socket,
    log,
    routes: (router) =>
      router
        .service(RuntimeService, translated(runtime, log))
        .service(ImageService, translated(imageCalls(context), log)),
  });
  stack.use(server);
  const opened = stack.move();
  return {
    path: server.path,
    get listeners() {
      return events.listeners;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
