/** `sampan events`. */
import type { EventMessage } from "../../spec/docker/system.ts";
import { define } from "../command.ts";
import { filterFlag, parseFilters } from "../filters.ts";
import { given } from "../flags/shared.ts";
import { shownOn } from "../format.ts";
import { compileTemplate } from "../template/template.ts";
import { printable, printableJson } from "../text/identifier.ts";
import { parseMoment } from "../text/moment.ts";

const kinds = [
  "config",
  "container",
  "daemon",
  "event",
  "image",
  "label",
  "network",
  "node",
  "plugin",
  "scope",
  "secret",
  "service",
  "type",
  "volume",
] as const;

/** With nanoseconds, in the local zone. */
function timeOf({ time, timeNano }: EventMessage): string {
  const date = new Date(time * 1000);
  const minutes = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + minutes * 60_000).toISOString().slice(0, 19);
  // The nanoseconds are more than a number holds: only their last nine digits are wanted, and the double's are not exact there.
  const fraction = String(Math.round(((timeNano ?? 0) / 1e9 - time) * 1e6) * 1000).padStart(9, "0");
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const zone =
    minutes === 0
      ? "Z"
      : `${minutes < 0 ? "-" : "+"}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
  return `${local}.${fraction.slice(0, 9)}${zone}`;
}

export function eventLine(event: EventMessage): string {
  const { Type, Action, Actor } = event;
  const attributes = Object.entries(Actor.Attributes ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");
  const what = printable(`${Type} ${Action} ${Actor.ID}${attributes === "" ? "" : ` (${attributes})`}`);
  return `${timeOf(event)} ${what}\n`;
}

export const command = define({
  summary: "Show what happens, as it happens",
  usage: "[OPTIONS]",
  flags: {
    filter: filterFlag,
    format: { kind: "text", value: "FORMAT", help: "'json' or a Go template" },
    since: { kind: "text", value: "TIME", help: "Also what was: 10m, or 2026-11-21T12:00:00Z" },
    until: { kind: "text", value: "TIME", help: "Up to then, and end" },
  },
  words: { least: 0, most: 0 },
  more: "Filters: container=NAME, event=ACTION, image=NAME, label=KEY[=VALUE], network=NAME, type=container|image|network|volume|daemon, volume=NAME.",
  examples: [
    ["events", "Until Ctrl-C"],
    ["events --since 1h --until 0s --filter event=die --format json", "Of the last hour"],
  ],
  run: async ({ flags, daemon, ...io }) => {
    const moment = (text: string | undefined) =>
      text === undefined ? undefined : parseMoment(text, io.now());
    const filters = parseFilters(flags.filter, kinds);
    const { format } = flags;
    const template = format === undefined || format === "json" ? undefined : compileTemplate(format);
    const line = (event: EventMessage) => {
      if (template) return `${template(shownOn(io.out, event))}\n`;
      return format === "json" ? `${printableJson(JSON.stringify(event))}\n` : eventLine(event);
    };
    const events = (await daemon()).events({
      filters,
      signal: io.signal,
      ...given("since", moment(flags.since)),
      ...given("until", moment(flags.until)),
    });
    for await (const event of events) await io.out.write(line(event));
    return 0;
  },
});
