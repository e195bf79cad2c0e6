/** Errors of the engine as gRPC's, in one place for all calls: the codes are the same closed set. */
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { type Code as OurCode, SampanError } from "../../base/errors.ts";

const codes: Readonly<Record<OurCode, Code>> = {
  cancelled: Code.Canceled,
  unknown: Code.Unknown,
  invalid_argument: Code.InvalidArgument,
  deadline_exceeded: Code.DeadlineExceeded,
  not_found: Code.NotFound,
  already_exists: Code.AlreadyExists,
  permission_denied: Code.PermissionDenied,
  resource_exhausted: Code.ResourceExhausted,
  failed_precondition: Code.FailedPrecondition,
  aborted: Code.Aborted,
  out_of_range: Code.OutOfRange,
  unimplemented: Code.Unimplemented,
  internal: Code.Internal,
  unavailable: Code.Unavailable,
  data_loss: Code.DataLoss,
  unauthenticated: Code.Unauthenticated,
};

/** What nobody has foreseen is worth a line in the log; the rest is the caller's to see. */
const unforeseen: readonly OurCode[] = ["unknown", "internal", "data_loss"];

/** HTTP/2 carries a status message as a header, of which the client takes only so much. */
const longest = 4000;

type Call = (request: unknown, context: HandlerContext) => unknown;

/** The same calls, whose errors are gRPC's. */
export function translated<Calls extends object>(calls: Calls, log: (text: string) => void): Calls {
  const entries = Object.entries(calls) as [string, Call][];
  return Object.fromEntries(
    entries.map(([name, call]) => [name, guarded(call, (error) => grpcError(name, error, log))]),
  ) as Calls;
}

function guarded(call: Call, refuse: (error: unknown) => ConnectError): Call {
  return (request, context) => {
    try {
      const answer = call(request, context);
      if (isStream(answer)) return guardedStream(answer, refuse);
      return answer instanceof Promise
        ? answer.catch((error: unknown) => {
            throw refuse(error);
          })
        : answer;
    } catch (error) {
      throw refuse(error);
    }
  };
}

async function* guardedStream(stream: AsyncIterable<unknown>, refuse: (error: unknown) => ConnectError) {
  try {
    yield* stream;
  } catch (error) {
    throw refuse(error);
  }
}

function isStream(answer: unknown): answer is AsyncIterable<unknown> {
  return typeof answer === "object" && answer !== null && Symbol.asyncIterator in answer;
}

function grpcError(name: string, error: unknown, log: (text: string) => void): ConnectError {
  if (error instanceof ConnectError) return error;
  const { code, message } = SampanError.from(error);
  if (unforeseen.includes(code)) log(`cri: ${name}: ${message}`);
  return new ConnectError(message.slice(0, longest), codes[code]);
}
