/** One WebSocket over TLS to a cloud, as KubeEdge's edges make it: identity in headers, no sub-protocol, no compression, one message a document. */
import { connect, type TLSSocket } from "node:tls";
import WebSocket from "ws";
import { envelopeLimits } from "../../link/envelope.ts";
import { linkFeatures } from "../../link/features.ts";
import type { KeyPair } from "./keys.ts";
import { refusal, troubleOf, type Trouble } from "./trouble.ts";
import { parseAddress } from "./address.ts";

export interface Dialling {
  readonly address: string;
  readonly node: string;
  readonly project: string;
  readonly keys: KeyPair;
  /** Milliseconds for TCP, TLS and the upgrade. */
  readonly deadline: number;
  /** Milliseconds for TCP alone, within `deadline`: where packets vanish nobody is there to answer later. */
  readonly reach: number;
  readonly signal: AbortSignal;
}

export interface Dialled {
  readonly socket: WebSocket;
  /** The connection below: any bytes of it are a sign of life. */
  readonly below: TLSSocket;
  /** The cloud is one of ours: see `linkFeatures`. */
  readonly ours: boolean;
}

export type Outcome =
  { readonly is: "open"; readonly connection: Dialled } | ({ readonly is: "failed" } & Trouble);

/** What every KubeEdge edge is preset to. */
export const project = "e632aba927ea4ac2b575ec1603d56f10";

/** Bytes of a refusal's body that are read. */
const words = 4096;

export function dial({
  address,
  node,
  project: of,
  keys,
  deadline,
  reach,
  signal,
}: Dialling): Promise<Outcome> {
  const { host, port } = parseAddress(address, 10_000);
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  let below: TLSSocket | undefined;
  let ours = false;
  // Nothing of it came as far as the cloud's program: it is tried again soon.
  const unreached = () => fail({ ...troubleOf(address, new Error("timeout")), local: true });
  const reaching = setTimeout(unreached, reach);
  const url = `wss://${host.includes(":") ? `[${host}]` : host}:${port}/${of}/${node}/events`;
  const socket = new WebSocket(url, {
    headers: {
      Node_id: node,
      Project_id: of,
      ConnectionUse: "msg",
      [linkFeatures.header]: linkFeatures.value,
    },
    perMessageDeflate: false,
    maxPayload: envelopeLimits.bytes,
    followRedirects: false,
    createConnection: () => {
      below = connect({
        host,
        port,
        ca: keys.authority,
        cert: keys.certificate,
        key: keys.key,
        minVersion: "TLSv1.2",
      });
      below.setNoDelay(true);
      below.once("connect", () => clearTimeout(reaching));
      return below;
    },
  });
  const fail = (trouble: Trouble) => {
    resolve({ is: "failed", ...trouble });
    socket.terminate();
  };
  const end = () => fail(troubleOf(address, new Error("timeout")));
  const timer = setTimeout(end, deadline);
  signal.addEventListener("abort", end, { once: true });
  // What comes after the answer is told to nobody here; without a listener it would be nobody's error.
  socket.on("error", (cause) => fail(troubleOf(address, cause)));
  socket.once("upgrade", ({ headers }) => (ours = headers[linkFeatures.header] === linkFeatures.value));
  socket.once("unexpected-response", (_request, response) => {
    let text = "";
    response.on("data", (chunk: Buffer) => {
      text = (text + chunk.toString("latin1")).slice(0, words);
    });
    const done = () =>
      fail({ error: refusal(address, response.statusCode ?? 0, text), clock: false, local: false });
    response.once("end", done).once("close", done);
  });
  socket.once("close", () => fail(troubleOf(address, new Error("ECONNRESET"))));
  socket.once("open", () => {
    // Whoever takes it over listens a moment later.
    socket.pause();
    if (below) resolve({ is: "open", connection: { socket, below, ours } });
  });
  return promise.finally(() => {
    clearTimeout(timer);
    clearTimeout(reaching);
    signal.removeEventListener("abort", end);
  });
}
