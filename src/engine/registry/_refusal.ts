/** A registry's refusal as an error: its status decides the code, its own words (distribution specification 1.1, "Error Codes") the reason. */
import type { Answer } from "./_exchange.ts";
import { SampanError, type Code } from "../../base/errors.ts";
import { printableCell } from "../../base/printable.ts";
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
const mostReason = 300;

/** What a person asked for and is not there, by the code of the distribution specification. */
const absent: Readonly<Record<string, string>> = {
  MANIFEST_UNKNOWN: "has no such tag or digest",
  NAME_UNKNOWN: "has no such repository",
};

export async function refusal(answer: Answer, registry: string): Promise<SampanError> {
  const found = await answer.bytes(mostWords).then(firstError, () => undefined);
  const words = found && reasonText(found);
  if (answer.status === 404 && /\/(?:manifests|tags)\/[^/]+$/.test(answer.url.pathname)) {
    const what = absent[found?.code ?? ""] ?? "has no such repository or tag";
    return new SampanError("not_found", `registry "${registry}" ${what}${words ? `: ${words}` : ""}`);
  }
  const code = codeOfStatus[answer.status] ?? (answer.status >= 500 ? "unavailable" : "unknown");
  return new SampanError(
    code,
    `registry "${registry}" answered ${shown(answer.url)} with status ${answer.status}${words ? `: ${words}` : ""}`,
  );
}

interface Reason {
  readonly code: string | undefined;
  readonly message: string | undefined;
}

/** The first of `errors`, or what stands alone; undefined when it says nothing. */
function firstError(bytes: Uint8Array): Reason | undefined {
  try {
    const document = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    const { errors } = document;
    const given = (Array.isArray(errors) ? (errors[0] as unknown) : document) ?? {};
    const { code, message } = given as Record<string, unknown>;
    return {
      code: typeof code === "string" ? code : undefined,
      message: typeof message === "string" ? message : undefined,
    };
  } catch {
    return undefined;
  }
}

/** Code and message as one short line that cannot steer a terminal. */
function reasonText({ code, message }: Reason): string {
  const text = [code, message].filter((part) => part).join(", ");
  return printableCell(text.slice(0, mostReason));
}
