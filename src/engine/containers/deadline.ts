/** What may never come is given up after a while. */
import { SampanError } from "../../base/errors.ts";

/** `what`: `stop container "a"`. The work itself is told by `signal`, where it listens. Errors: `deadline_exceeded`. */
export async function within<Result>(
  milliseconds: number,
  what: string,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const late = Promise.withResolvers<never>();
  const controller = new AbortController();
  const timer = setTimeout(() => {
    const error = new SampanError(
      "deadline_exceeded",
      `cannot ${what}: nothing came back within ${milliseconds / 1000} s`,
    );
    controller.abort(error);
    late.reject(error);
  }, milliseconds);
  try {
    return await Promise.race([work(controller.signal), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
