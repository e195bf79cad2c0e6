/** `sampan edge mqtt-user`: adds a user of the broker inside, or changes one. A running edge reads the file again. */
import { invalid } from "../../base/errors.ts";
import { isFilter } from "../../fleet/link/mqtt-topics.ts";
import { putUser } from "../../fleet/edge/eventbus/users.ts";
import { print } from "../print.ts";
import { mqttUserFlags, parseWords } from "./flags.ts";
import { mqttUserHelp } from "./help.ts";
import { readEdgeSettings } from "./settings.ts";

/** Bytes of standard input. */
const most = 4096;

export function mqttUser(args: readonly string[]): Promise<number> {
  return print(() => {
    const parsed = parseWords(mqttUserFlags, args, { name: "edge mqtt-user", most: 1 });
    if (!parsed) return mqttUserHelp();
    const { flags, words } = parsed;
    const [name] = words;
    if (name === undefined) throw invalid("cannot add a user: name one");
    const { publish, subscribe } = flags;
    const bad = [...publish, ...subscribe].find((filter) => !isFilter(filter));
    if (bad !== undefined) throw invalid(`cannot give a right to "${bad}": it is no filter of topics`);
    const file = flags.users ?? readEdgeSettings(flags, { env: process.env }).mqtt.users;
    if (file === undefined)
      throw invalid("cannot add a user: name the file with --users, or as users in the settings' table mqtt");
    return async () => {
      await putUser(file, name, { password: await readPassword(), publish, subscribe });
      return `${file}\n`;
    };
  });
}

/** The first line. */
async function readPassword(): Promise<string> {
  let text = "";
  for await (const bytes of Bun.stdin.stream()) {
    text += Buffer.from(bytes).toString("utf8");
    if (text.length > most || text.includes("\n")) break;
  }
  const [line = ""] = text.split(/\r?\n/, 1);
  if (line === "") throw invalid("cannot add a user: standard input has no password");
  if (text.length > most) throw invalid(`cannot add a user: a password has at most ${most} characters`);
  return line;
}
