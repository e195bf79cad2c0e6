/** The program itself: `sampan daemon --cri`, killed and started again under a pod that runs on. */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { ContainerState, RuntimeService } from "../../src/wire/cri/cri_pb.ts";
import { openGrpcClient } from "../../src/wire/grpc/client.ts";
import { busyboxArchive } from "../clients/_image.ts";
import { makePlace } from "../daemon/_daemon.ts";
import { must } from "../networks/_place.ts";
import { needing } from "../needs.ts";
import { image, needs } from "./_world.ts";

const { test } = needing(needs);

test("sampan daemon --cri serves it beside Docker's API; killed and started again it finds the pod as it was", async () => {
  const namespace = `sd${process.pid}x${Math.floor(Math.random() * 1e6)}`;
  must(["ip", "netns", "add", namespace]);
  try {
    must(["ip", "-n", namespace, "link", "set", "lo", "up"]);
    await using place = makePlace(namespace);
    const socket = join(place.folder, "cri.sock");
    await Bun.write(place.config, `[network.cni]\nconfig_dir = "${join(place.folder, "net.d")}"\n`);
    const flags = ["--cri", `unix://${socket}`];
    const first = await place.start({ flags });
    await Bun.write(join(place.folder, "busybox.tar"), await busyboxArchive(image));
    must(place.command("--host", `unix://${place.socket}`, "load", "-i", join(place.folder, "busybox.tar")));
    using connection = openGrpcClient(socket);
    const runtime = createClient(RuntimeService, connection.transport);
    const { podSandboxId } = await runtime.runPodSandbox({
      config: { metadata: { name: "web", uid: "u", namespace: "default" } },
    });
    const { containerId } = await runtime.createContainer({
      podSandboxId,
      config: { metadata: { name: "main" }, image: { image }, command: ["sleep", "1000"] },
    });
    await runtime.startContainer({ containerId });
    const before = await runtime.containerStatus({ containerId });
    const shown = must(place.command("--host", `unix://${place.socket}`, "ps", "--format", "{{.Names}}"));
    expect(shown).toContain("k8s_main_web_default_");

    first.signal("SIGKILL");
    await first.exited;
    const second = await place.start({ flags });
    using again = openGrpcClient(socket);
    const later = createClient(RuntimeService, again.transport);
    expect(await later.containerStatus({ containerId })).toEqual(before);
    expect(before.status?.state).toBe(ContainerState.CONTAINER_RUNNING);
    await later.removePodSandbox({ podSandboxId });
    expect((await later.listContainers({})).containers).toEqual([]);

    second.signal("SIGTERM");
    await second.exited;
    expect(existsSync(socket)).toBe(false);
  } finally {
    must(["ip", "netns", "del", namespace]);
  }
});
