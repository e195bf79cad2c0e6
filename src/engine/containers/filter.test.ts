import { expect, test } from "bun:test";
import type { ContainerInfo } from "./containers.ts";
import { filterContainers, type Listed } from "./filter.ts";
import type { StoredContainer } from "./request.ts";

function container(info: Partial<ContainerInfo>, body = {}, stored = {}): Listed {
  return {
    info: {
      image: "alpine:3",
      imageId: `sha256:${"a1".repeat(32)}`,
      state: "running",
      ...info,
    } as ContainerInfo,
    stored: {
      body: { HostConfig: { NetworkMode: "none" }, ...body },
      image: { Labels: { tier: "front", maker: "image" } },
      volumes: [],
      ...stored,
    } as unknown as StoredContainer,
  };
}

const volumes = [{ source: "data", destination: "/var/data" }];
const all = [
  container({ name: "web", id: "c1".repeat(32) }, { Labels: { tier: "back" } }),
  container({
    name: "web-old",
    id: "c2".repeat(32),
    state: "exited",
    exitCode: 3,
    image: "docker.io/library/redis",
  }),
  container(
    { name: "fresh", id: "d3".repeat(32), state: "created" },
    { HostConfig: { NetworkMode: "host" } },
    { volumes },
  ),
];

function names(filters: Record<string, string[]>, options = {}): string {
  return filterContainers(all, { all: true, filters, ...options })
    .map(({ info }) => info.name)
    .join(" ");
}

test("only what runs is listed, unless all, a state or the newest are asked for", () => {
  expect(names({}, { all: false })).toBe("web");
  expect(names({})).toBe("web web-old fresh");
  expect(names({ status: ["exited", "created"] }, { all: false })).toBe("web-old fresh");
  expect(names({}, { all: false, limit: 2 })).toBe("web web-old");
  expect(names({}, { all: false, limit: -1 })).toBe("web");
});

test.each([
  ["name", ["^web$"], "web"],
  ["name", ["^/web$", "fre"], "web fresh"],
  ["id", ["^c"], "web web-old"],
  ["exited", ["3"], "web-old"],
  ["exited", ["0"], ""],
  ["label", ["maker"], "web web-old fresh"],
  ["label", ["tier=back"], "web"],
  ["label", ["tier=none", "no-such"], ""],
  ["ancestor", ["redis"], "web-old"],
  ["ancestor", ["alpine:3"], "web fresh"],
  ["ancestor", ["a1a1a1"], "web web-old fresh"],
  ["volume", ["data"], "fresh"],
  ["volume", ["/var/data"], "fresh"],
  ["network", ["host"], "fresh"],
  ["before", ["web-old"], "fresh"],
  ["since", ["c2c2"], "web"],
])("%s=%p lists %p", (key, values, wanted) => {
  expect(names({ [key]: values })).toBe(wanted);
});

test("all keys must fit", () => {
  expect(names({ name: ["web"], status: ["exited"] })).toBe("web-old");
});

test.each([
  ["status", "broken", "wanted created"],
  ["exited", "many", "an exit status"],
  ["name", "(", 'cannot use filter "name=("'],
  ["since", "nothere", "No such container"],
  ["colour", "red", "there are id"],
])("%s=%s is refused", (key, value, why) => {
  expect(() => names({ [key]: [value] })).toThrow(why);
});
