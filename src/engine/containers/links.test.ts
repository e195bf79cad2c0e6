import { expect, test } from "bun:test";
import type { ContainerInfo } from "./containers.ts";
import { checkLinks, linked, linksOf } from "./links.ts";

const body = (...Links: string[]) => ({ HostConfig: { Links } });

test.each([
  ["db", { reference: "db", alias: "db" }],
  ["db:al", { reference: "db", alias: "al" }],
  ["/db:/web/al", { reference: "db", alias: "al" }],
])("%s", (text, link) => {
  expect(linksOf(body(text))).toEqual([link]);
});

test.each(["", ":", "db:", "db:a b", "db:a\n1.2.3.4 x", "db:a:b", "../db"])("%j is refused", (text) => {
  expect(() => linksOf(body(text))).toThrow("cannot link to");
});

test.each(["host", "none", "container:x"])("a link has no meaning in network mode %s", (NetworkMode) => {
  expect(() => checkLinks({ HostConfig: { Links: ["db"], NetworkMode } })).toThrow("have no meaning");
  expect(() => checkLinks({ HostConfig: { NetworkMode } })).not.toThrow();
});

function info(name: string, own: Partial<ContainerInfo> = {}): ContainerInfo {
  return { id: name.repeat(64), name, state: "running", body: {}, imageConfig: {}, ...own } as ContainerInfo;
}

const db = info("d", {
  body: { Env: ["PATH=/x", "FOO=a=b"], ExposedPorts: { "90/udp": {}, "80/tcp": {} } },
  imageConfig: { Env: ["HOME=/h", "BAR=image"] },
});
const others = (other: ContainerInfo, ipv4: string | undefined) =>
  ({
    containers: { get: () => other },
    networks: { get: () => ({ endpoints: ipv4 === undefined ? {} : { [other.id]: { ipv4 } } }) },
  }) as unknown as Parameters<typeof linked>[0];

test("the other's address, ports and environment are told", () => {
  const own = info("w", { body: body("d:my-db") });
  expect(linked(others(db, "172.17.0.2/16"), own)).toEqual({
    hosts: [{ address: "172.17.0.2", names: ["my-db", "d".repeat(12), "d"] }],
    environment: [
      "MY_DB_NAME=/w/my-db",
      "MY_DB_PORT=tcp://172.17.0.2:80",
      "MY_DB_PORT_80_TCP=tcp://172.17.0.2:80",
      "MY_DB_PORT_80_TCP_ADDR=172.17.0.2",
      "MY_DB_PORT_80_TCP_PORT=80",
      "MY_DB_PORT_80_TCP_PROTO=tcp",
      "MY_DB_PORT_90_UDP=udp://172.17.0.2:90",
      "MY_DB_PORT_90_UDP_ADDR=172.17.0.2",
      "MY_DB_PORT_90_UDP_PORT=90",
      "MY_DB_PORT_90_UDP_PROTO=udp",
      "MY_DB_ENV_BAR=image",
      "MY_DB_ENV_FOO=a=b",
    ],
  });
});

test("one that does not run there is refused, and a network that answers names needs nothing", () => {
  const own = info("w", { body: body("d") });
  expect(() => linked(others(info("d", { state: "exited" }), "172.17.0.2/16"), own)).toThrow(
    "Cannot link to a non running container: /d AS /w/d",
  );
  expect(() => linked(others(db, undefined), own)).toThrow("Cannot link");
  const named = info("w", { body: { HostConfig: { Links: ["d"], NetworkMode: "mine" } } });
  expect(linked(others(db, undefined), named)).toEqual({ hosts: [], environment: [] });
});
