/** The demo's second half: images through a real registry (Debian's docker-registry on loopback), and what the store says of itself. */
import { join } from "node:path";
import { startRegistry } from "../test/registry/docker-registry.ts";

export interface Stage {
  readonly sampan: string;
  /** A folder of the demo's own, with the root file system as `layer.tar`. */
  readonly folder: string;
  readonly title: (text: string) => void;
  /** Runs and shows a command; throws for another exit status than the wanted one. */
  readonly show: (argv: readonly string[], options?: { status?: number; lines?: number }) => string;
  readonly expect: (output: string, wanted: RegExp | string, what: string) => void;
}

export async function imagesOfARegistry({ sampan, folder, title, show, expect }: Stage): Promise<void> {
  await using registry = await startRegistry();
  const image = `${registry.host}/demo`;
  const root = join(folder, "data");
  const engine = (...words: string[]): string[] => [sampan, "--root", root, ...words];

  title("Make an image of it and push it to a registry (docker-registry on loopback)");
  show(
    engine(
      "import",
      "--change",
      'CMD ["/bin/sh"]',
      "--change",
      "ENV PATH=/bin",
      join(folder, "layer.tar"),
      `${image}:1`,
    ),
  );
  show(engine("push", `${image}:1`));
  show(engine("image", "prune", "--all", "--force"));
  expect(show(engine("images", "--quiet")), /^$/, "images after prune");

  title("Pull it again, and run a command in it");
  show(engine("pull", `${image}:1`));
  expect(show(engine("pull", `${image}:1`)), "up to date", "a second pull");
  expect(
    show(engine("run", "--rm", "--network", "none", `${image}:1`, "cat", "/etc/motd")),
    "Hello from a container",
    "run",
  );
  show(engine("run", "--rm", "--network", "none", `${image}:1`, "sh", "-c", "exit 42"), { status: 42 });

  title("Change something in a container, make an image of it, and see what changed");
  show(
    engine(
      "run",
      "--network",
      "none",
      "--name",
      "change",
      `${image}:1`,
      "sh",
      "-c",
      "echo One line more. >> /etc/motd; rm /bin/vi; touch /root/new",
    ),
  );
  show(engine("commit", "change", `${image}:2`));
  const changes = show(engine("image", "diff", `${image}:1`, `${image}:2`), { lines: 20 });
  for (const path of ["/etc/motd", "/bin/vi", "/root/new"]) expect(changes, path, "image diff");

  title("Every byte accounted for, and the store checked against its digests");
  show(engine("system", "df"), { lines: 20 });
  expect(show(engine("system", "check", "--deep")), "whole", "check");
  show(engine("rm", "change"));
  show(engine("system", "prune", "--all", "--force"), { lines: 30 });
  expect(show(engine("images", "--quiet")), /^$/, "images after prune");
}
