/** docker's own command line against our daemon, verb by verb. */
// deadline: 240 s
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needing } from "../needs.ts";
import { imageName, makeWorld, type World } from "./_world.ts";

const { test, describe } = needing({
  root: true,
  programs: ["docker", "busybox", "ip", "nft", "nsenter"],
  files: ["build/launcher"],
});

describe("docker's command line", () => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const docker = (...args: string[]) => world.out(["docker", ...args]);
  const refused = async (...args: string[]) => {
    const { status, err } = await world.run(["docker", ...args]);
    return `${status} ${err.trim()}`;
  };
  const inspect = (what: string, format: string) => docker("inspect", "--format", format, what);

  test("version, info and ping say who answers", async () => {
    expect(await docker("version", "--format", "{{.Server.Platform.Name}} {{.Server.APIVersion}}")).toBe(
      "Sampan 1.51",
    );
    expect(await docker("info", "--format", "{{.ServerVersion}} {{.OSType}}")).toMatch(
      /^\d+\.\d+\.\d+ linux$/,
    );
    expect(await docker("system", "info", "--format", "{{.Swarm.LocalNodeState}}")).toBe("inactive");
  });

  test("run gives output, errors and status as they are", async () => {
    expect(await docker("run", "--rm", imageName, "echo", "one", "two")).toBe("one two");
    const { status, out, err } = await world.run([
      "docker",
      "run",
      "--rm",
      imageName,
      "sh",
      "-c",
      "echo a; echo b >&2; exit 7",
    ]);
    expect({ status, out, err }).toEqual({ status: 7, out: "a\n", err: "b\n" });
    expect(await refused("run", "--rm", imageName, "/not/there")).toStartWith("127 ");
    expect(
      await world.out(["docker", "run", "--rm", "-i", imageName, "wc", "-c"], { input: "x".repeat(100_000) }),
    ).toBe("100000");
  });

  test("run's flags reach the process", async () => {
    const flags = [
      "-e",
      "A=1",
      "-w",
      "/tmp",
      "-u",
      "user",
      "--hostname",
      "here",
      "--read-only",
      "--tmpfs",
      "/scratch",
    ];
    const script =
      "echo $A $PWD $(id -un) $(hostname); touch /x 2>/dev/null || echo read-only; touch /scratch/y && echo tmpfs";
    const root = await docker("run", "--rm", ...flags, imageName, "sh", "-c", script);
    expect(root).toBe("1 /tmp user here\nread-only\ntmpfs");
    const limits = ["--memory", "64m", "--pids-limit", "50", "--ulimit", "nofile=123:123", "--init"];
    expect(
      await docker("run", "--rm", ...limits, imageName, "sh", "-c", "ulimit -n; cat /proc/1/comm"),
    ).toMatch(/^123\n(?!sh)/);
  });

  test("a container in the background goes through its life", async () => {
    const id = await docker(
      "run",
      "-d",
      "--name",
      "life",
      imageName,
      "sh",
      "-c",
      "trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done",
    );
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await docker("ps", "--format", "{{.Names}} {{.State}}")).toBe("life running");
    expect(await inspect("life", "{{.State.Status}} {{.State.Running}} {{.Config.Image}}")).toBe(
      `running true ${imageName}`,
    );
    expect(await docker("exec", "life", "echo", "inside")).toBe("inside");
    expect(await world.out(["docker", "exec", "-i", "life", "cat"], { input: "through" })).toBe("through");
    expect((await world.run(["docker", "exec", "life", "sh", "-c", "exit 9"])).status).toBe(9);
    expect(await docker("top", "life")).toContain("sleep");
    expect(await docker("logs", "life")).toBe("up");
    await docker("pause", "life");
    expect(await inspect("life", "{{.State.Status}}")).toBe("paused");
    await docker("unpause", "life");
    expect(await docker("stats", "--no-stream", "--format", "{{.Name}}", "life")).toBe("life");
    await docker("update", "--memory", "128m", "--memory-swap", "128m", "life");
    expect(await inspect("life", "{{.HostConfig.Memory}}")).toBe("134217728");
    await docker("rename", "life", "life2");
    await docker("restart", "-t", "5", "life2");
    expect(await docker("logs", "life2")).toBe("up\nup");
    await docker("stop", "-t", "5", "life2");
    expect(await inspect("life2", "{{.State.Status}} {{.State.ExitCode}}")).toBe("exited 3");
    expect(await docker("wait", "life2")).toBe("3");
    await docker("start", "life2");
    await docker("kill", "-s", "KILL", "life2");
    expect(await docker("wait", "life2")).toBe("137");
    expect(await docker("rm", "life2")).toBe("life2");
    expect(await refused("inspect", "--type", "container", "life2")).toContain("No such container: life2");
  });

  test("logs: since, until, tail, timestamps, streams, follow to the end", async () => {
    await docker(
      "run",
      "--name",
      "talks",
      imageName,
      "sh",
      "-c",
      "for i in 1 2 3 4; do echo line $i; done; echo wrong >&2",
    );
    expect(await docker("logs", "--tail", "2", "talks")).toBe("line 3\nline 4".slice(7));
    expect(await docker("logs", "-t", "--tail", "1", "talks")).toMatch(
      /^(?:\d{4}-\d\d-\d\dT[\d:.]+Z line 4)?$/,
    );
    const { out, err } = await world.run(["docker", "logs", "-f", "talks"]);
    expect({ out, err }).toEqual({ out: "line 1\nline 2\nline 3\nline 4\n", err: "wrong\n" });
    expect(await docker("logs", "--since", "1h", "talks")).toContain("line 1");
    expect(await docker("logs", "--until", "1h", "talks")).toBe("");
    await docker("rm", "talks");
  });

  test("create, cp both ways, diff, commit, export", async () => {
    await docker("create", "--name", "files", imageName, "sh", "-c", "cat /in/a > /out");
    mkdirSync(join(world.place.folder, "in"));
    writeFileSync(join(world.place.folder, "in/a"), "copied");
    await docker("cp", "in", "files:/in");
    await docker("start", "-a", "files");
    await docker("cp", "files:/out", "out");
    expect(readFileSync(join(world.place.folder, "out"), "utf8")).toBe("copied");
    expect((await docker("diff", "files")).split("\n").toSorted()).toEqual(["A /in", "A /in/a", "A /out"]);
    await docker("commit", "-c", 'CMD ["cat", "/out"]', "files", "made:1");
    expect(await docker("run", "--rm", "made:1")).toBe("copied");
    await docker("export", "-o", "export.tar", "files");
    expect(await world.out(["tar", "-tf", "export.tar"])).toContain("in/a");
    await docker("rm", "files");
    await docker("rmi", "made:1");
  });

  test("images: tag, inspect, history, save, load, rmi", async () => {
    await docker("tag", imageName, "other:2");
    expect(await docker("images", "-q", "other:2")).toBe(await docker("images", "-q", imageName));
    expect(await docker("image", "inspect", "-f", "{{json .Config.Cmd}}", "other:2")).toBe('["sh"]');
    expect((await docker("history", "-q", "other:2")).length).toBeGreaterThan(0);
    await docker("save", "-o", "saved.tar", "other:2");
    expect(await docker("rmi", "other:2")).toContain("Untagged: other:2");
    expect(await docker("load", "-i", "saved.tar")).toContain("other:2");
    await docker("rmi", "other:2");
  });

  test("volumes: create, use, list, inspect, remove; one in use stays", async () => {
    await docker("volume", "create", "--label", "a=b", "data");
    await docker("run", "--rm", "-v", "data:/d", imageName, "sh", "-c", "echo kept > /d/f");
    await docker(
      "create",
      "--name",
      "holds",
      "--mount",
      "type=volume,src=data,dst=/d",
      imageName,
      "cat",
      "/d/f",
    );
    expect(await docker("start", "-a", "holds")).toBe("kept");
    expect(await docker("volume", "ls", "-q", "--filter", "label=a=b")).toBe("data");
    expect(await docker("volume", "inspect", "-f", "{{.Driver}}", "data")).toBe("local");
    expect(await refused("volume", "rm", "data")).toContain("volume is in use");
    await docker("rm", "-v", "holds");
    await docker("volume", "rm", "data");
    expect(await docker("volume", "ls", "-q")).toBe("");
  });

  test("networks: names, aliases, connect, disconnect, a published port", async () => {
    await docker("network", "create", "--subnet", "10.77.0.0/24", "net");
    await docker(
      "run",
      "-d",
      "--name",
      "web",
      "--network",
      "net",
      "--network-alias",
      "www",
      "-p",
      "127.0.0.1:8081:80",
      imageName,
      "httpd",
      "-f",
      "-p",
      "80",
      "-h",
      "/etc",
    );
    expect(
      await docker("run", "--rm", "--network", "net", imageName, "wget", "-qO-", "http://www/passwd"),
    ).toContain("root:x:0:0");
    expect(await docker("run", "--rm", "--network", "net", imageName, "nslookup", "web")).toContain(
      "10.77.0.2",
    );
    expect(await docker("port", "web")).toBe("80/tcp -> 127.0.0.1:8081");
    expect(await world.out(["busybox", "wget", "-qO-", "http://127.0.0.1:8081/passwd"])).toContain(
      "root:x:0:0",
    );
    await docker("run", "-d", "--name", "guest", imageName, "sleep", "1000");
    await docker("network", "connect", "net", "guest");
    expect(await docker("exec", "guest", "wget", "-qO-", "http://web/passwd")).toContain("root:x:0:0");
    await docker("network", "disconnect", "net", "guest");
    expect(
      (await world.run(["docker", "exec", "guest", "wget", "-T", "2", "-qO-", "http://web/passwd"])).status,
    ).not.toBe(0);
    expect(await refused("network", "rm", "net")).toContain("has active endpoints");
    await docker("rm", "-f", "web", "guest");
    await docker("network", "rm", "net");
    expect(await docker("network", "ls", "--format", "{{.Name}} {{.Driver}}")).toBe(
      "bridge bridge\nhost host\nnone null",
    );
  });

  test("events tell what happened", async () => {
    await docker("run", "--rm", "--name", "told", "--network", "none", imageName, "true");
    // The command line cuts both to whole seconds.
    const until = `${Math.floor(Date.now() / 1000) + 1}`;
    const told = ["--filter", "container=told", "--format", "{{.Action}}"];
    const events = await docker("events", "--since", "1h", "--until", until, ...told);
    expect(events.split("\n")).toEqual(expect.arrayContaining(["create", "start", "die", "destroy"]));
  });

  test("a health check and a restart policy are followed", async () => {
    await docker(
      "run",
      "-d",
      "--name",
      "ill",
      "--health-cmd",
      "test -e /well",
      "--health-interval",
      "100ms",
      "--health-retries",
      "1",
      imageName,
      "sleep",
      "1000",
    );
    const until = async (format: string, wanted: string) => {
      while ((await inspect("ill", format)) !== wanted) await Bun.sleep(20);
    };
    await until("{{.State.Health.Status}}", "unhealthy");
    await docker("exec", "ill", "touch", "/well");
    await until("{{.State.Health.Status}}", "healthy");
    await docker("rm", "-f", "ill");
    await docker("run", "-d", "--name", "ill", "--restart", "on-failure:2", imageName, "false");
    await until("{{.RestartCount}} {{.State.Status}}", "2 exited");
    await docker("rm", "ill");
  });

  test("prune, df, and nothing is left", async () => {
    await docker("create", imageName);
    expect(await docker("container", "prune", "-f")).toContain("Deleted Containers:");
    expect(await docker("system", "df", "--format", "{{.Type}}")).toBe(
      "Images\nContainers\nLocal Volumes\nBuild Cache",
    );
    expect(await docker("ps", "-aq")).toBe("");
  });

  test("swarm is refused as by a daemon without one, and build says that it is not there yet", async () => {
    expect(await refused("node", "ls")).toContain("This node is not a swarm manager");
    expect(
      (await world.run(["docker", "build", "-"], { input: "FROM scratch\n", env: { DOCKER_BUILDKIT: "0" } }))
        .status,
    ).toBe(1);
  });
});
