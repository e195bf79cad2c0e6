import { expect, test } from "bun:test";
import { SampanError } from "../../src/base/errors.ts";
import type { ContainerSummary, RunRequest } from "../../src/spec/docker/containers.ts";
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

test("ps filters by name, id, status and image; -n and -l take the newest", async () => {
  const names = async (...args: string[]) =>
    (await sampan(["ps", "--format", "{{.Names}}", ...args], { engine })).out.split("\n").slice(0, -1);
  expect(await names("--filter", "status=exited")).toEqual(["old"]);
  expect(await names("-a", "-f", "name=eb")).toEqual(["web"]);
  expect(await names("-a", "-f", "id=c2", "-f", "name=web")).toEqual([]);
  expect(await names("-a", "-f", "ancestor=alpine:3.20")).toEqual(["web", "old"]);
  expect(await names("-l")).toEqual(["web"]);
  expect(await names("-n", "2")).toEqual(["web", "old"]);
});

/** What the engine is asked to run. */
async function requested(args: readonly string[], env: Record<string, string> = {}): Promise<RunRequest> {
  let asked: RunRequest | undefined;
  const ran = await sampan(["run", ...args], {
    env,
    engine: {
      run: async (request) => {
        asked = request;
        return 7;
      },
    },
  });
  expect(ran).toMatchObject({ status: 7, err: "" });
  if (!asked) throw new Error("nothing was run");
  return asked;
}

test("run hands its flags over; those behind the image are the program's", async () => {
  const asked = await requested(
    [
      "--rm",
      "-i",
      "-e",
      "A=1",
      "-e",
      "HERE",
      "-e",
      "GONE",
      "-m",
      "64m",
      "--cpus=1.5",
      "--name",
      "n",
      "-v",
      "/a:/b:ro",
    ].concat([
      "--entrypoint",
      "/bin/sh",
      "-u",
      "1:2",
      "-w",
      "/w",
      "-h",
      "box",
      "-l",
      "k=v",
      "-l",
      "bare",
      "--cap-drop",
      "ALL",
      "alpine",
      "-c",
      "ls -l",
      "--rm",
    ]),
    { HERE: "yes" },
  );
  expect(asked).toMatchObject({
    image: "alpine",
    command: ["-c", "ls -l", "--rm"],
    remove: true,
    interactive: true,
    terminal: false,
    env: ["A=1", "HERE=yes"],
    memory: 2 ** 26,
    cpus: 1.5,
    name: "n",
    volumes: ["/a:/b:ro"],
    entrypoint: ["/bin/sh"],
    user: "1:2",
    workdir: "/w",
    hostname: "box",
    labels: { k: "v", bare: "" },
    capDrop: ["ALL"],
    network: "none",
    pull: "missing",
  });
});

test("run fails with 125 before its program runs, and says which flag is wrong", async () => {
  const failing = {
    run: async () => {
      throw new SampanError("not_found", 'cannot pull image "gone": there is none');
    },
  };
  expect(await sampan(["run", "gone"], { engine: failing })).toMatchObject({
    status: 125,
    err: 'Error: cannot pull image "gone": there is none\n',
  });
  expect((await sampan(["run", "--network", "bridge", "a"])).err).toContain("wanted none, host");
  expect((await sampan(["run", "-it", "a"])).err).toContain("the input device is not a terminal");
  expect((await sampan(["run", "-e", "=x", "a"])).err).toContain('cannot set variable "=x"');
});

test("rm prints what it removed", async () => {
  const removed = { removeContainer: async () => web.Id };
  expect((await sampan(["rm", "web", "old"], { engine: removed })).out).toBe("web\nold\n");
});
