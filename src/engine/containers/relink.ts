/** A container of the default bridge that starts may have another address than before: those that run and are linked to it learn it at once. */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hostnameOf } from "./bundle.ts";
import type { ContainerInfo } from "./containers.ts";
import { containerFolder } from "./create.ts";
import { linksByFile, linksOf } from "./links.ts";
import { findContainer, type LifeParts } from "./parts.ts";
import type { LiveNetwork } from "./sandbox.ts";

/** What a container has made longer than this is its own. */
const longest = 1 << 20;

/** In their /etc/hosts, which stays the same inode. Their variables are what they were at their start, as with Docker. */
export function relink(engine: LifeParts, info: ContainerInfo, { sandbox }: LiveNetwork): void {
  const bridge = engine.networks.list().find(({ name }) => name === "bridge");
  const endpoint = sandbox?.endpoints.find(({ network }) => network === bridge?.id);
  const address = endpoint?.ipv4?.replace(/\/.*$/, "");
  if (address === undefined) return;
  for (const id of linkers(engine)) {
    const linker = findContainer(engine, id);
    if (!linker || !linksByFile(linker.body)) continue;
    const own = linksOf(linker.body).filter(
      ({ reference }) => findContainer(engine, reference)?.id === info.id,
    );
    if (own.length === 0) continue;
    const path = join(containerFolder(engine.store.root, id), "hosts");
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true || statSync(path).size > longest)
      continue;
    const before = readFileSync(path, "utf8");
    const hostname = hostnameOf(info.id, info.body);
    const after = own.reduce((text, { alias }) => withAddress(text, { alias, hostname, address }), before);
    if (after !== before) writeFileSync(path, after);
  }
}

/** Looked for in the text of the rows: with hundreds of containers that is a fraction of reading them. */
function linkers({ store }: LifeParts): string[] {
  const rows = store.db
    .query<{ id: string }, []>(
      `SELECT id FROM containers WHERE state IN ('running', 'paused') AND instr(config, '"Links":["') > 0`,
    )
    .all();
  return rows.map(({ id }) => id);
}

export interface NewAddress {
  readonly alias: string;
  readonly hostname: string;
  readonly address: string;
}

/** The file with another address in the line of a link, whatever else was made of the file. Pure. */
export function withAddress(hosts: string, { alias, hostname, address }: NewAddress): string {
  const names = [...new Set([alias, hostname])].join(" ");
  const lines = hosts.split("\n").map((line) => {
    const [, said = ""] = line.split("\t");
    return said === names || said.startsWith(`${names} `) ? `${address}\t${said}` : line;
  });
  return lines.join("\n");
}
