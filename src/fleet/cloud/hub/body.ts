import type { IncomingMessage } from "node:http";
import { SampanError } from "../../../base/errors.ts";

/** Milliseconds that a body may take. */
const deadline = 30_000;

/** Errors: `resource_exhausted` beyond so many bytes, `deadline_exceeded`, `cancelled` when it breaks off. */
export async function readBody(request: IncomingMessage, most: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  request.on("data", (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size <= most) return void chunks.push(chunk);
    reject(new SampanError("resource_exhausted", `cannot read the request: its body is over ${most} bytes`));
    request.destroy();
  });
  request.once("end", () => resolve(Buffer.concat(chunks)));
  const broken = () => reject(new SampanError("cancelled", "cannot read the request: it broke off"));
  request.once("error", broken);
  request.once("close", broken);
  const late = () =>
    reject(
      new SampanError("deadline_exceeded", `cannot read the request: no end of it within ${deadline} ms`),
    );
  const timer = setTimeout(late, deadline);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}
