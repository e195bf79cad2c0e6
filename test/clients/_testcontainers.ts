/** What a test suite that uses testcontainers does; each step prints a line. Run by Node, with Ryuk disabled. */
import { GenericContainer, Network, Wait } from "testcontainers";

const image = process.argv[2] ?? "busybox:test";
const say = (...words: readonly unknown[]) => console.log(words.join(" "));

const network = await new Network().start();
const web = await new GenericContainer(image)
  .withCommand(["sh", "-c", "echo listening; httpd -f -p 80 -h /site"])
  .withCopyContentToContainer([{ content: "served", target: "/site/page" }])
  .withNetwork(network)
  .withNetworkAliases("web")
  .withExposedPorts(80)
  .withWaitStrategy(Wait.forAll([Wait.forLogMessage("listening"), Wait.forHttp("/page", 80)]))
  .start();
say("port", await (await fetch(`http://${web.getHost()}:${web.getMappedPort(80)}/page`)).text());
const { output, exitCode } = await web.exec(["sh", "-c", "echo inside; exit 2"]);
say("exec", output.trim(), exitCode);

const client = await new GenericContainer(image)
  .withCommand(["sleep", "1000"])
  .withEnvironment({ NAME: "value" })
  .withNetwork(network)
  .withHealthCheck({ test: ["CMD", "true"], interval: 100, timeout: 1000, retries: 3, startPeriod: 0 })
  .withWaitStrategy(Wait.forHealthCheck())
  .start();
say("names", (await client.exec(["wget", "-qO-", "http://web/page"])).output.trim());
say("env", (await client.exec(["sh", "-c", "echo $NAME"])).output.trim());
await client.restart();
say("restarted", (await client.exec(["echo", "again"])).output.trim());
await client.stop();
await web.stop();
await network.stop();
say("done");
