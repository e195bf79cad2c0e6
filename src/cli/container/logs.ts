/** `sampan logs`. */
import { Frames } from "../client/http/frames.ts";
import { define } from "../command.ts";
import { given } from "../flags/shared.ts";
import { parseMoment } from "../text/moment.ts";

export const command = define({
  summary: "Show what a container has written",
  usage: "[OPTIONS] CONTAINER",
  flags: {
    details: { kind: "yes", help: "With attributes of the log driver" },
    follow: { kind: "yes", short: "f", help: "Go on as it writes" },
    since: { kind: "text", value: "TIME", help: "From then on: 10m, or 2026-11-21T12:00:00Z" },
    tail: { kind: "text", short: "n", value: "LINES", help: "The last ones (all)" },
    timestamps: { kind: "yes", short: "t", help: "With the time of each line" },
    until: { kind: "text", value: "TIME", help: "Up to then" },
  },
  words: { least: 1, most: 1 },
  examples: [
    ["logs -f --tail 20 web", "The last lines, and those to come"],
    ["logs -t --since 1h web", "Of the last hour, with times"],
  ],
  run: async ({ flags, words: [container = ""], daemon: open, ...io }) => {
    const moment = (text: string | undefined) =>
      text === undefined ? undefined : parseMoment(text, io.now());
    const since = moment(flags.since);
    const until = moment(flags.until);
    const daemon = await open();
    const { Config, Id } = await daemon.inspectContainer(container);
    const pieces = daemon.logs(Id, {
      follow: flags.follow,
      stdout: true,
      stderr: true,
      timestamps: flags.timestamps,
      details: flags.details,
      tail: flags.tail ?? "all",
      signal: io.signal,
      ...given("since", since),
      ...given("until", until),
    });
    const frames = Config.Tty ? undefined : new Frames();
    for await (const bytes of pieces) {
      if (!frames) await io.out.write(bytes);
      else for (const part of frames.feed(bytes)) await io[part.to].write(part.bytes);
    }
    return 0;
  },
});
