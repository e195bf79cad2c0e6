/** Endpoints that only Sampan's daemon has, below /sampan. */
import { SampanError } from "../../base/errors.ts";
import type { Http } from "./http/http.ts";

/** Another daemon knows no such page: that is said, by the command's name. Errors: `unimplemented`. */
export async function ours<T>(http: Http, what: string, call: () => Promise<T> | T): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const { code, message } = SampanError.from(error);
    if (code !== "not_found" || !/page not found/i.test(message)) throw error;
    throw new SampanError(
      "unimplemented",
      `the daemon at ${http.address.text} has no "${what}": only Sampan's own has`,
      { cause: error },
    );
  }
}
