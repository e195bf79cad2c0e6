/** The same typed at Debian's dockerd: what is expected of ours is what people have seen there. */
// deadline: 300 s
import { startDockerd } from "../counterparts/dockerd.ts";
import { flagsSuite, programs } from "./flags.suite.ts";

flagsSuite("dockerd", {
  needs: { root: true, programs: [...programs, "dockerd", "containerd", "iptables", "ip", "nsenter"] },
  open: async () => {
    await using undo = new AsyncDisposableStack();
    const namespace = `flags-${process.pid}`;
    await ip("netns", "add", namespace);
    undo.defer(() => ip("netns", "delete", namespace));
    await ip("-n", namespace, "link", "set", "lo", "up");
    const engine = undo.use(
      await startDockerd({
        within: ["nsenter", `--net=/run/netns/${namespace}`],
        settings: ["--storage-driver=overlay2", "--ip6tables=false"],
      }),
    );
    const all = undo.move();
    // `docker --host ADDRESS`.
    return { host: engine.command()[2] ?? "", ours: false, [Symbol.asyncDispose]: () => all.disposeAsync() };
  },
});

async function ip(...words: string[]): Promise<void> {
  const child = Bun.spawn(["ip", ...words], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  if ((await child.exited) !== 0) throw new Error(await child.stderr.text());
}
