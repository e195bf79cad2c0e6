/** Words of the program that do something and end, with one line for what goes wrong. */
import { printable } from "../base/printable.ts";
import { wordsOf } from "./daemon/log.ts";
import { failed, misused } from "./process.ts";

/** What is printed, or the work that finds it out. */
export type Printed = string | (() => string | Promise<string>);

/** Resolves with the exit status: what `prepare` throws is a misuse, what the work throws a failure. */
export async function print(prepare: () => Printed | Promise<Printed>): Promise<number> {
  let status: number = misused;
  try {
    const printed = await prepare();
    status = failed;
    process.stdout.write(typeof printed === "string" ? printed : await printed());
    return 0;
  } catch (error) {
    process.stderr.write(`sampan: ${printable(wordsOf(error))}\n`);
    return status;
  }
}
