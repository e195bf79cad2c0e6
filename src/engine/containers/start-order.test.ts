import { describe, expect, test } from "bun:test";
import type { CreateBody } from "../../spec/docker/create.ts";
import { needsOf, startOrder, type Startable } from "./start-order.ts";

function container(name: string, body: CreateBody = {}, labels: Record<string, string> = {}): Startable {
  return { id: name.repeat(64).slice(0, 64), name, body, labels };
}
const service = (name: string, needs = "", project = "p") =>
  container(
    name,
    {},
    {
      "com.docker.compose.project": project,
      "com.docker.compose.service": name,
      ...(needs && { "com.docker.compose.depends_on": needs }),
    },
  );

function order(all: readonly Startable[]): string {
  const ids = startOrder(
    all.map(({ id }) => id),
    needsOf(all),
  );
  return ids.map((id) => all.find((each) => each.id === id)?.name).join(" ");
}

describe("the order of starts", () => {
  test("is the given one where nothing needs another", () => {
    expect(order([container("a"), container("b"), container("c")])).toBe("a b c");
  });
  test.each(["NetworkMode", "IpcMode", "PidMode"])("puts who joins by %s behind whom it joins", (mode) => {
    const a = container("a", { HostConfig: { [mode]: "container:b" } });
    expect(order([a, container("b")])).toBe("b a");
  });
  test("knows the other by its id and by the beginning of it", () => {
    const ids = [container("b").id, container("b").id.slice(0, 12)];
    for (const id of ids)
      expect(order([container("a", { HostConfig: { PidMode: `container:${id}` } }), container("b")])).toBe(
        "b a",
      );
  });
  test("follows links, the old ones and those of networks", () => {
    const old = container("a", { HostConfig: { Links: ["/b:alias"] } });
    const linked = container("c", { NetworkingConfig: { EndpointsConfig: { net: { Links: ["a:x"] } } } });
    expect(order([linked, old, container("b")])).toBe("b a c");
  });
  test("follows what compose wrote down, within one project", () => {
    const web = service("web", "db:service_healthy:false,cache:service_started:true");
    expect(order([web, service("cache"), service("db")])).toBe("db cache web");
    expect(order([web, service("db", "", "another")])).toBe("web db");
  });
  test("tells what is waited for", () => {
    const web = service("web", "db:service_healthy:false");
    const db = service("db");
    expect(needsOf([web, db]).get(web.id)).toEqual([{ id: db.id, condition: "service_healthy" }]);
  });
  test("passes over what is not wanted, and keeps the order behind it", () => {
    const [a, b, c] = [
      container("a", { HostConfig: { PidMode: "container:b" } }),
      container("b", { HostConfig: { PidMode: "container:c" } }),
      container("c"),
    ];
    expect(startOrder([a.id, c.id], needsOf([a, b, c]))).toEqual([c.id, a.id]);
  });
  test("cuts a circle, and does not need itself", () => {
    const a = container("a", { HostConfig: { PidMode: "container:b" } });
    const b = container("b", { HostConfig: { PidMode: "container:a" } });
    expect(order([a, b])).toBe("b a");
    const self = container("a", { HostConfig: { PidMode: "container:a" } });
    expect(needsOf([self]).get(self.id)).toEqual([]);
  });
});
