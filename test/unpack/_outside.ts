/** What an archive must not reach: a folder beside the root, with files, links and special files, and what it looked like before. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { listing, type Place } from "./_place.ts";

export class Outside {
  readonly folder: string;
  readonly #place: Place;
  readonly #before: string[];

  constructor(place: Place) {
    this.#place = place;
    this.folder = place.path("outside");
    mkdirSync(`${this.folder}/etc`, { recursive: true });
    writeFileSync(`${this.folder}/etc/passwd`, "root\n", { mode: 0o600 });
    symlinkSync("passwd", `${this.folder}/etc/link`);
    this.#before = this.#look();
  }

  #look(): string[] {
    return listing(this.#place, this.folder);
  }

  get before(): string[] {
    return this.#before;
  }

  get now(): string[] {
    return this.#look();
  }
}
