/** Paths of the embedded API that are no objects, read as any user who is known may: `/version`, `/openapi/v2`. */
import { SampanError } from "../../base/errors.ts";
import type { ApiServer } from "../../fleet/cloud/apiserver/server.ts";

/** Bytes: OpenAPI documents are the largest. */
const most = 32 << 20;
const hour = 3600;

/** Reads a path's JSON. Errors: `not_found`, `unavailable`. */
export function pathReader({ url, authority }: Pick<ApiServer, "url" | "authority">) {
  return async (path: string, signal: AbortSignal): Promise<unknown> => {
    const target = new URL(path, url);
    // "//elsewhere/" is a path too.
    if (target.origin !== new URL(url).origin)
      throw new SampanError("invalid_argument", `cannot read ${path}: it leads elsewhere`);
    const { certificate, key } = await authority.issueClient({ user: "system:sampan-cloud", seconds: hour });
    const answer = await fetch(target, {
      signal,
      redirect: "error",
      headers: { Accept: "application/json" },
      tls: { ca: authority.ca, cert: certificate, key },
    });
    if (!answer.ok)
      throw new SampanError(
        answer.status === 404 ? "not_found" : "unavailable",
        `cannot read ${path}: the API answers ${answer.status}`,
      );
    const text = await answer.text();
    if (text.length > most)
      throw new SampanError("resource_exhausted", `cannot read ${path}: it is larger than 32 MiB`);
    return JSON.parse(text) as unknown;
  };
}
