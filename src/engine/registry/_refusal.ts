/** A registry's refusal as an error: its status decides the code, its own words (distribution specification 1.1, "Error Codes") the reason. */
import type { Answer } from "./_exchange.ts";
import { SampanError, type Code } from "../../base/errors.ts";
import { shown } from "./_exchange.ts";

const codeOfStatus: Readonly<Record<number, Code>> = {
  400: "invalid_argument",
  401: "unauthenticated",
  403: "permission_denied",
  404: "not_found",
  405: "unimplemented",
  408: "unavailable",
  409: "aborted",
  413: "resource_exhausted",
  416: "out_of_range",
  429: "unavailable",
};
const mostWords = 64 * 1024;

export async function refusal(answer: Answer, registry: string): Promise<SampanError> {
  const words = await answer.bytes(mostWords).then(reasonOf, () => undefined);
  const code = codeOfStatus[answer.status] ?? (answer.status >= 500 ? "unavailable" : "unknown");
  return new SampanError(
    code,
    `registry "${registry}" answered ${shown(answer.url)} with status ${answer.status}${words ? `: ${words}` : ""}`,
  );
}

/** The first error's code and message, as one line that cannot steer a terminal. */
export function reasonOf(bytes: Uint8Array): string | undefined {
  try {
    const { errors } = JSON.parse(new TextDecoder().decode(bytes)) as {
      errors?: readonly { code?: unknown; message?: unknown }[];
    };
    const first = errors?.[0];
    const text = [first?.code, first?.message].filter((part) => typeof part === "string").join(", ");
    // oxlint-disable-next-line no-control-regex -- what must not reach a terminal
    return text === "" ? undefined : text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ").slice(0, 300);
  } catch {
    return undefined;
  }
}
