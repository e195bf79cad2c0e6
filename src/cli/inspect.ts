/** `sampan inspect`: containers and images. */
import { SampanError } from "../base/errors.ts";
import type { DaemonClient } from "./client/daemon.ts";
import { any, define } from "./command.ts";
import { given, platformFlag } from "./flags/shared.ts";
import { inspectEach, inspectFormat } from "./inspection.ts";

type Look = (engine: DaemonClient, reference: string) => Promise<unknown>;

/** Undefined when there is none. */
async function unlessAbsent(found: Promise<unknown>): Promise<unknown> {
  try {
    return await found;
  } catch (error) {
    if (SampanError.from(error).code !== "not_found") throw error;
    return undefined;
  }
}

export const command = define({
  summary: "Show all about one or more containers, images, networks or volumes",
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  flags: {
    format: inspectFormat,
    platform: platformFlag,
    type: {
      kind: "text",
      among: ["container", "image", "network", "volume"],
      help: "Only things of this type",
    },
    size: { kind: "yes", short: "s", help: "Of a container: with what it has written" },
  },
  words: { least: 1, most: any },
  more: "A name that a container and an image have is the container's, unless --type says otherwise.",
  examples: [
    ["inspect alpine", "As JSON"],
    ["inspect -f '{{.State.Status}}' web", "A field of a container"],
    ["inspect --type image -f '{{.Architecture}} {{json .Config.Env}}' alpine", "Fields of an image"],
    ["inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}' alpine", "A line for each layer"],
  ],
  run: async ({ flags, daemon, ...io }) => {
    const looks: Readonly<Record<"container" | "image" | "network" | "volume", Look>> = {
      container: (engine, reference) => engine.inspectContainer(reference, { size: flags.size }),
      image: (engine, reference) => engine.inspectImage(reference, given("platform", flags.platform)),
      network: (engine, reference) => engine.inspectNetwork(reference),
      volume: (engine, reference) => engine.inspectVolume(reference),
    };
    const engine = await daemon();
    return inspectEach(io, flags.format, async (reference) => {
      if (flags.type !== undefined) return await looks[flags.type](engine, reference);
      for (const look of Object.values(looks)) {
        const found = await unlessAbsent(look(engine, reference));
        if (found !== undefined) return found;
      }
      const short = /^[0-9a-f]{1,2}$/.test(reference);
      throw new SampanError(
        "not_found",
        `cannot inspect "${reference}": No such container or image${short ? ", and of an image's id at least three digits are wanted" : ""}`,
      );
    });
  },
});
