/** `sampan inspect`, `sampan image inspect`. */
import type { ImageInspect } from "../../spec/docker/images.ts";
import { any, define } from "../command.ts";
import { forEach } from "../each.ts";
import { given, platformFlag } from "../flags/shared.ts";
import { shownOn, writeJson } from "../format.ts";
import { compileTemplate } from "../template/template.ts";
import { printableJson } from "../text/identifier.ts";

/** Fields whose keys are data: a key that is not there is no value, not a mistake. */
const maps = new Set(["Labels", "ExposedPorts", "Volumes", "Data"]);

function withMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withMaps);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      maps.has(key) ? new Map(Object.entries((each as object | null) ?? {})) : withMaps(each),
    ]),
  );
}

export const command = define({
  summary: "Show all about one or more images",
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  flags: {
    format: { kind: "text", short: "f", value: "FORMAT", help: "'json' or a Go template" },
    platform: platformFlag,
    type: { kind: "text", among: ["image"], help: "Only things of this type" },
    size: { kind: "yes", short: "s", help: "Accepted and unused" },
  },
  words: { least: 1, most: any },
  examples: [
    ["inspect alpine", "As JSON"],
    ["inspect -f '{{.Architecture}} {{json .Config.Env}}' alpine", "Some fields"],
    ["inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}' alpine", "A line for each layer"],
    ["inspect -f '{{index .Config.Labels \"maintainer\"}}' alpine", "One label"],
  ],
  run: async ({ flags, words, client, ...io }) => {
    const json = flags.format === "json";
    const template = flags.format === undefined || json ? undefined : compileTemplate(flags.format);
    const engine = await client();
    const found: ImageInspect[] = [];
    const status = await forEach(io, words, {
      verb: async (reference) => {
        const image = await engine.inspectImage(reference, given("platform", flags.platform));
        if (template) await io.out.write(`${template(shownOn(io.out, withMaps(image)))}\n`);
        else if (json) await io.out.write(`${printableJson(JSON.stringify(image))}\n`);
        else found.push(image);
      },
    });
    if (!template && !json) await writeJson(io.out, found);
    return status;
  },
});
