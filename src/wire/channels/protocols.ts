/** The protocols that clients offer in `X-Stream-Protocol-Version` (SPDY) or `Sec-WebSocket-Protocol`, and what each can do. */
import type { IncomingHttpHeaders } from "node:http";

/** Newest first. v5 is v4 with a signal that ends the input; v3 brought sizes of terminals, v4 the status as JSON. */
export const commandProtocols = {
  spdy: ["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"],
  webSocket: ["v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io"],
} as const;

export const portForwardProtocol = "portforward.k8s.io";
/** WebSocket messages that carry the bytes of a SPDY connection. */
export const tunnelProtocol = "SPDY/3.1+portforward.k8s.io";
export const portForwardWebSocket = [tunnelProtocol, "v4.channel.k8s.io"] as const;

export type Upgrade = "spdy" | "websocket";

export function upgradeOf(headers: IncomingHttpHeaders): Upgrade | undefined {
  const wanted = (headers.upgrade ?? "").toLowerCase();
  return wanted === "spdy/3.1" ? "spdy" : wanted === "websocket" ? "websocket" : undefined;
}

/** What the client offers, in its order. */
export function offered(
  headers: IncomingHttpHeaders,
  name: "x-stream-protocol-version" | "sec-websocket-protocol",
): readonly string[] {
  const value = headers[name];
  const text = Array.isArray(value) ? value.join(",") : (value ?? "");
  return text
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
}

/** The first of ours that the client knows. */
export function choose<const T extends string>(ours: readonly T[], theirs: readonly string[]): T | undefined {
  return ours.find((each) => theirs.includes(each));
}
