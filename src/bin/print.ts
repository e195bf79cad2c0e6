/** Words of the program that do something and end, with one line for what goes wrong. */
import { printable } from "../base/printable.ts";
import { wordsOf } from "./daemon/log.ts";
import { failed, misused } from "./process.ts";

/** With status 0, unless it says another. */
export type Told = string | { readonly text: string; readonly status: number };

/** What is printed, or the work that finds it out. */
export type Printed = string | (() => Told | Promise<Told>);

/** Resolves with the exit status: what `prepare` throws is a misuse, what the work throws a failure. */
export async function print(prepare: () => Printed | Promise<Printed>): Promise<number> {
  let thrown: number = misused;
  try {
    const printed = await prepare();
    thrown = failed;
    const told = typeof printed === "string" ? printed : await printed();
    const { text, status } = typeof told === "string" ? { text: told, status: 0 } : told;
    process.stdout.write(text);
    return status;
  } catch (error) {
    process.stderr.write(`sampan: ${printable(wordsOf(error))}\n`);
    return thrown;
  }
}
