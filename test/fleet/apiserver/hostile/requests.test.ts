/** Requests that are not what they seem, or that break off. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { connect } from "node:tls";
import { openCluster, type Cluster } from "../_server.ts";
import { type Client, clientOf, type Credentials, person } from "./_client.ts";

let cluster: Cluster;
let admin: Credentials;
let client: Client;
const logged: string[] = [];
beforeAll(async () => {
  cluster = await openCluster({ controllers: false, log: (line) => logged.push(line) });
  admin = await person(cluster, "admin", "system:masters");
  client = clientOf(cluster, admin);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const maps = "/api/v1/namespaces/default/configmaps";

test.each(["gzip", "deflate", "br", "x, gzip"])(
  "a body packed by %s is not unpacked, but refused",
  async (coding) => {
    const body = gzipSync(`{"metadata":{"name":"packed"}}`);
    const headers = { "content-encoding": coding };
    expect((await client.send("POST", maps, { body, headers })).code).toBe(415);
    const plain = { "content-encoding": "identity" };
    expect((await client.send("POST", maps, { body: "{}", headers: plain })).code).toBe(422);
  },
);

test("a client that goes away within its body is no fault of the server", async () => {
  const { certificate: cert = "", key = "" } = admin;
  const { port, authority } = cluster.server;
  for (const length of ["Content-Length: 1000", "Transfer-Encoding: chunked"]) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = connect({ host: "127.0.0.1", port, ca: authority.ca, cert, key }, () => {
      const head = `POST ${maps} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${length}\r\n\r\n`;
      socket.write(`${head}3\r\n{"a\r\n`, () => socket.destroy());
    });
    socket.on("error", () => {}).on("close", () => resolve());
    await promise;
  }
  // It is counted when the server is done with it.
  const counted = /apiserver_request_total\{code="499",resource="configmaps",verb="CREATE"\} 2$/m;
  while (!counted.test((await client.send("GET", "/metrics")).text));
  expect(logged).toEqual([]);
});
