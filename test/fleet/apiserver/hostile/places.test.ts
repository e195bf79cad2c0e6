/** Whoever holds his places for long, by sending slowly, leaves some to others, and gets them back. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { defaultLimits } from "../../../../src/fleet/cloud/apiserver/http/limits.ts";
import { openCluster, type Cluster } from "../_server.ts";
import { clientOf, person } from "./_client.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await openCluster({ controllers: false });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const maps = "/api/v1/namespaces/default/configmaps";
const body = '{"metadata":{"generateName":"a-"}}';

test("a user whose bodies never end has no more places, others have", async () => {
  const slow = await person(cluster, "slow", "system:masters");
  const other = clientOf(cluster, await person(cluster, "other", "system:masters"));
  const { certificate: cert = "", key = "" } = slow;
  const { port, authority } = cluster.server;
  const sockets: TLSSocket[] = [];
  const head = `POST ${maps} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`;
  for (let count = 0; count < defaultLimits.perUser.writes; count++) {
    const socket = connect({ host: "127.0.0.1", port, ca: authority.ca, cert, key });
    socket.on("error", () => {});
    await once(socket, "secureConnect");
    socket.write(head);
    sockets.push(socket);
  }
  const same = clientOf(cluster, slow);
  while ((await same.send("POST", maps, { body })).code !== 429);
  expect((await other.send("POST", maps, { body })).code).toBe(201);
  expect((await same.send("GET", maps)).code).toBe(200);
  for (const socket of sockets) socket.destroy();
  while ((await same.send("POST", maps, { body })).code !== 201);
});
