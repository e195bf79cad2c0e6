/** An edge may have a certificate for servers, for its own kubelet's port: it is no cloud by it. */
import { expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:tls";
import { pemOf } from "../../../src/fleet/cloud/apiserver/auth/pki/pem.ts";
import { dial } from "../../../src/fleet/edge/hub/_dial.ts";
import { openApi, openCloudHub } from "../hub/_cloud.ts";

test.each(["localhost", "127.0.0.1"])(
  "an edge that answers as the cloud at %s is not believed",
  async (host) => {
    await using api = await openApi();
    await using cloud = await openCloudHub(api.client);
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const made = await cloud.hub.keys.signEdge({
      node: host,
      publicKey: new Uint8Array(publicKey.export({ format: "der", type: "spki" })),
      usages: ["client", "server"],
      days: 1,
    });
    const evil = {
      key: privateKey.export({ format: "pem", type: "pkcs8" }) as string,
      cert: pemOf("CERTIFICATE", made),
    };
    let heard = "";
    const server = createServer(evil, (socket) => {
      socket.on("error", () => {});
      socket.on("data", (data: Buffer) => (heard += data.toString("latin1")));
    });
    server.on("tlsClientError", () => {});
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const victim = await cloud.join("victim");
    const outcome = await dial({
      address: `${host}:${port}`,
      node: "victim",
      project: "p",
      keys: { authority: victim.ca, certificate: victim.certificate, key: victim.key },
      reach: 5_000,
      deadline: 10_000,
      signal: new AbortController().signal,
    });
    server.close();
    expect(outcome.is).toBe("failed");
    expect(JSON.stringify(outcome)).not.toContain("timeout");
    expect(heard).toBe("");
  },
);
