/** grpc: the health checking protocol, over HTTP/2 without TLS. */
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { isIP } from "node:net";
import { failure, success, type ActionResult } from "./result.ts";
import { Health } from "./health_pb.ts";

/** ServingStatus by number. */
const words = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
const serving = 1;

export interface HealthPlace {
  readonly host: string;
  readonly port: number;
  readonly service: string;
}

/** A connection of its own each time: what is asked is whether one can be had. */
export async function checkHealth(
  { host, port, service }: HealthPlace,
  signal: AbortSignal,
): Promise<ActionResult> {
  const baseUrl = `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  const end = () => {
    sessionManager.abort();
  };
  signal.addEventListener("abort", end, { once: true });
  try {
    const transport = createGrpcTransport({ baseUrl, sessionManager, readMaxBytes: 64 << 10 });
    const { status } = await createClient(Health, transport).check({ service }, { signal });
    if (status === serving) return success("SERVING");
    return failure(`service unhealthy (responded with "${words[status] ?? status}")`);
  } catch (error) {
    if (signal.aborted) return failure(`timeout: health rpc to ${baseUrl} did not complete in time`);
    const { code, rawMessage } = ConnectError.from(error);
    if (code === Code.Unimplemented)
      return failure(
        "error: this server does not implement the grpc health protocol (grpc.health.v1.Health)",
      );
    return failure(`rpc error: ${rawMessage}`);
  } finally {
    signal.removeEventListener("abort", end);
    sessionManager.abort();
  }
}
