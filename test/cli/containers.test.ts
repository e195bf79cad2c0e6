import { expect, test } from "bun:test";
import { SampanError } from "../../src/base/errors.ts";
import type { ContainerInspect, ContainerSummary, ListRequest } from "../../src/spec/docker/containers.ts";
import { now, sampan } from "./_world.ts";

const web: ContainerSummary = {
  Id: "c1".repeat(32),
  Names: ["/web"],
  Image: "alpine:3.20",
  ImageID: `sha256:${"a1".repeat(32)}`,
  Command: "sh -c 'while true; do sleep 1; done'",
  Created: now.getTime() / 1000 - 300,
  State: "running",
  Status: "Up 5 minutes",
  Labels: { a: "b", c: "" },
  HostConfig: { NetworkMode: "none" },
  Mounts: [
    {
      Type: "bind",
      Source: "/srv/of/a/long/name",
      Destination: "/in",
      Mode: "",
      RW: true,
      Propagation: "rprivate",
    },
  ],
};
const old: ContainerSummary = {
  ...web,
  Id: "c2".repeat(32),
  Names: ["/old"],
  State: "exited",
  Status: "Exited (0) 2 hours ago",
};
const engine = {
  containers: async ({ all }: { all: boolean }) => (all ? [web, old] : [web]),
};

test("ps prints docker's columns, with -a all containers", async () => {
  const { out } = await sampan(["ps", "-a"], { engine });
  expect(out).toBe(
    [
      "CONTAINER ID   IMAGE         COMMAND                  CREATED         STATUS                   PORTS     NAMES",
      `c1c1c1c1c1c1   alpine:3.20   "sh -c 'while true; …"   5 minutes ago   Up 5 minutes                       web`,
      `c2c2c2c2c2c2   alpine:3.20   "sh -c 'while true; …"   5 minutes ago   Exited (0) 2 hours ago             old`,
      "",
    ].join("\n"),
  );
  expect((await sampan(["container", "ls", "-q"], { engine })).out).toBe("c1c1c1c1c1c1\n");
});

test("ps hands filters and numbers over, and asks for sizes only when they are shown", async () => {
  const asked = async (...args: string[]) => {
    let got: ListRequest | undefined;
    const containers = async (request: ListRequest) => {
      got = request;
      return [];
    };
    await sampan(["ps", ...args], { engine: { containers } });
    return got;
  };
  expect(await asked()).toEqual({ all: false, size: false, filters: {} });
  expect(await asked("-l", "-f", "name=eb", "-f", "name=x", "--filter", "label=a=b")).toEqual({
    all: false,
    size: false,
    limit: 1,
    filters: { name: ["eb", "x"], label: ["a=b"] },
  });
  expect(await asked("-an", "3", "-s")).toEqual({ all: true, size: true, limit: 3, filters: {} });
  expect(await asked("--format", "{{.Size}}")).toMatchObject({ size: true });
});

test("ps shows sizes, labels and mounts when asked", async () => {
  const sized = { containers: async () => [{ ...web, SizeRw: 5, SizeRootFs: 7_830_000 }] };
  const { out } = await sampan(["ps", "-s"], { engine: sized });
  expect(out).toContain("NAMES     SIZE\n");
  expect(out).toContain("web       5B (virtual 7.83MB)\n");
  const format = "{{.Labels}} {{.Mounts}} {{.Networks}} {{.LocalVolumes}}";
  expect((await sampan(["ps", "--format", format], { engine: sized })).out).toBe(
    "a=b,c= /srv/of/a/long… none 0\n",
  );
  const whole = await sampan(["ps", "--no-trunc"], { engine });
  expect(whole.out).toContain(`${web.Id}   alpine:3.20   "sh -c 'while true; do sleep 1; done'"`);
});

test("inspect takes a container before an image, and --type chooses", async () => {
  const absent = (what: string) => Promise.reject(new SampanError("not_found", `cannot find ${what}`));
  const things = {
    inspectContainer: async (name: string, options?: { size?: boolean }) =>
      name === "web" || name === "both"
        ? ({ Id: "c1", Name: `/${name}`, ...(options?.size && { SizeRw: 5 }) } as ContainerInspect)
        : absent(`container "${name}": No such container`),
    inspectImage: async (name: string) =>
      name === "alpine" || name === "both" ? ({ Id: "i1" } as never) : absent(`image "${name}"`),
    inspectNetwork: (name: string) => absent(`network "${name}"`),
    inspectVolume: (name: string) => absent(`volume "${name}"`),
  };
  const ids = async (...args: string[]) =>
    await sampan(["inspect", "-f", "{{.Id}}", ...args], { daemon: things });
  expect(await ids("web", "alpine", "both")).toMatchObject({ status: 0, out: "c1\ni1\nc1\n" });
  expect(await ids("--type", "image", "both")).toMatchObject({ out: "i1\n" });
  expect((await ids("--type", "container", "alpine")).err).toContain("No such container");
  const gone = await sampan(["inspect", "gone", "web"], { daemon: things });
  expect(gone).toMatchObject({
    status: 1,
    err: 'Error: cannot inspect "gone": No such container or image\n',
  });
  expect(JSON.parse(gone.out)).toEqual([{ Id: "c1", Name: "/web" }]);
  const sized = await sampan(["container", "inspect", "-s", "web"], { daemon: things });
  expect(JSON.parse(sized.out)).toEqual([{ Id: "c1", Name: "/web", SizeRw: 5 }]);
  const broken = { inspectContainer: async () => Promise.reject(new SampanError("unavailable", "locked")) };
  expect((await sampan(["inspect", "web"], { engine: broken })).err).toBe("Error: locked\n");
});

test("rm removes each, goes on after one that fails, and hands its flags over", async () => {
  const asked: unknown[] = [];
  const removing = {
    removeContainer: async (name: string, options: object) => {
      asked.push([name, options]);
      if (name === "gone")
        throw new SampanError("not_found", 'cannot find container "gone": No such container');
      return web.Id;
    },
  };
  const all = await sampan(["rm", "-v", "web", "gone", "old"], { engine: removing });
  expect(all).toMatchObject({ status: 1, out: "web\nold\n" });
  expect(all.err).toBe('Error: cannot find container "gone": No such container\n');
  expect(asked[0]).toEqual(["web", { force: false, volumes: true }]);
  expect(await sampan(["rm", "-f", "gone"], { engine: removing })).toMatchObject({ status: 0 });
});
