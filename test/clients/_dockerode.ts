/** What a program that uses dockerode does; each step prints a line. Run by Node. */
import Docker from "dockerode";
import { PassThrough } from "node:stream";

const docker = new Docker({ socketPath: process.env["DOCKER_HOST"]?.replace("unix://", "") ?? "" });
const image = process.argv[2] ?? "busybox:test";
const say = (...words: readonly unknown[]) => console.log(words.join(" "));

function gather() {
  const stream = new PassThrough();
  let text = "";
  stream.on("data", (bytes: Buffer) => (text += bytes.toString()));
  return { stream, text: () => text };
}

say("version", (await docker.version()).ApiVersion);
say("images", (await docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? []).join(","));

const [out, err] = [gather(), gather()];
const [ended, ran] = (await docker.run(
  image,
  ["sh", "-c", "echo out; echo err >&2; exit 4"],
  [out.stream, err.stream],
  {
    Tty: false,
    HostConfig: { NetworkMode: "none" },
  },
)) as [{ StatusCode: number }, Docker.Container];
say("run", ended.StatusCode, JSON.stringify(out.text()), JSON.stringify(err.text()));
await ran.remove();

const container = await docker.createContainer({
  Image: image,
  name: "rode",
  Cmd: ["cat"],
  OpenStdin: true,
  StdinOnce: true,
  Labels: { made: "here" },
});
const attached = await container.attach({
  stream: true,
  stdin: true,
  stdout: true,
  stderr: true,
  hijack: true,
});
const heard = gather();
container.modem.demuxStream(attached, heard.stream, heard.stream);
const closed = new Promise((resolve) => attached.on("close", resolve));
await container.start();
attached.end("through a hijacked stream\n");
say("wait", ((await container.wait()) as { StatusCode: number }).StatusCode);
await closed;
say("attach", heard.text().trim());
say("inspect", (await container.inspect()).Config.Labels["made"]);
say("logs", (await container.logs({ stdout: true })).subarray(8).toString().trim());
await container.remove();

const sleeper = await docker.createContainer({ Image: image, Cmd: ["sleep", "1000"] });
await sleeper.start();
const exec = await sleeper.exec({
  Cmd: ["sh", "-c", "read x; echo got $x"],
  AttachStdin: true,
  AttachStdout: true,
});
const talk = await exec.start({ hijack: true, stdin: true });
const answer = gather();
docker.modem.demuxStream(talk, answer.stream, answer.stream);
talk.write("it\n");
await new Promise((resolve) => talk.on("close", resolve).on("end", resolve));
say("exec", answer.text().trim(), (await exec.inspect()).ExitCode);
await sleeper.putArchive(await tarOf("f", "content"), { path: "/tmp" });
say("stats", Object.keys(await sleeper.stats({ stream: false })).includes("cpu_stats"));
await sleeper.kill();
await sleeper.remove({ force: true });

const volume = await docker.createVolume({ Name: "rode" });
say("volume", volume.name);
await docker.getVolume("rode").remove();
const network = await docker.createNetwork({ Name: "rode" });
say("network", ((await network.inspect()) as { Name: string }).Name);
await network.remove();
await docker
  .getContainer("absent")
  .inspect()
  .catch((error: { statusCode: number; reason: string }) => say("refusal", error.statusCode, error.reason));

/** ustar: one file. */
function tarOf(name: string, content: string): Promise<Buffer> {
  const block = Buffer.alloc(512);
  const size = Buffer.byteLength(content);
  block.write(name, 0);
  for (const [at, text] of [
    [100, "0000644\0"],
    [108, "0000000\0"],
    [116, "0000000\0"],
    [124, `${size.toString(8).padStart(11, "0")}\0`],
    [136, "00000000000\0"],
    [148, "        "],
    [156, "0"],
    [257, "ustar\u000000"],
  ] as const)
    block.write(text, at);
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Promise.resolve(Buffer.concat([block, Buffer.from(content.padEnd(512, "\0")), Buffer.alloc(1024)]));
}
