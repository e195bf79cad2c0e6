/** Where the next page begins, as a token that clients do not look into. */
import { badRequest } from "../../../../spec/kubernetes/errors.ts";

interface After {
  readonly namespace: string;
  readonly name: string;
}

const longest = 4096;

export function continueToken(revision: number, { namespace, name }: After): string {
  return Buffer.from(
    JSON.stringify({ v: "meta.k8s.io/v1", rv: revision, start: [namespace, name] }),
  ).toString("base64url");
}

/** Goes on in the state of then. */
export function inconsistentToken(after: After): string {
  return continueToken(-1, after);
}

/** Throws BadRequest. Without a revision the present state is meant. */
export function parseToken(text: string): { readonly revision?: number; readonly after: After } {
  try {
    if (text.length > longest) throw new Error("it is too long");
    const { v, rv, start } = JSON.parse(Buffer.from(text, "base64url").toString()) as Record<string, unknown>;
    if (v !== "meta.k8s.io/v1") throw new Error(`its version is not known`);
    if (!Number.isSafeInteger(rv) || (rv as number) < -1 || rv === 0) throw new Error("its revision is none");
    if (!Array.isArray(start) || start.length !== 2 || !start.every((part) => typeof part === "string"))
      throw new Error("its start is none");
    const [namespace, name] = start as [string, string];
    return { ...(rv === -1 ? {} : { revision: rv as number }), after: { namespace, name } };
  } catch (error) {
    throw badRequest(`continue key is not valid: ${(error as Error).message}`);
  }
}
