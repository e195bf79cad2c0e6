/** Gives a container another name. */
import { invalid, SampanError } from "../../base/errors.ts";
import { checkName } from "./request.ts";
import { emit, type LifeParts } from "./parts.ts";
import { sandboxOwner } from "./sandbox.ts";
import type { Store } from "../store/store.ts";

/** Errors: `already_exists`, `invalid_argument`. */
export async function renameContainer(engine: LifeParts, reference: string, wanted: string): Promise<void> {
  const name = wanted.replace(/^\//, "");
  checkName(name);
  const { id } = engine.containers.get(reference);
  await engine.tasks.exclusive(id, async () => {
    const info = engine.containers.get(id);
    if (info.name === name)
      throw invalid(
        `cannot rename container "${name}": Renaming a container with the same name as its current name`,
      );
    engine.store.transaction(() => {
      refuseTaken(engine.store, name, `cannot rename container "${info.name}"`);
      engine.store.db.query("UPDATE containers SET name = ? WHERE id = ?").run(name, id);
    });
    const renamed = engine.containers.get(id);
    await engine.networks.renamed(sandboxOwner(renamed));
    emit(engine, renamed, "rename", { oldName: `/${info.name}` });
  });
}

/** Errors: `already_exists`, in words that docker's clients look for. */
export function refuseTaken({ db }: Pick<Store, "db">, name: string, what: string): void {
  const row = db.query<{ id: string }, [string]>("SELECT id FROM containers WHERE name = ?").get(name);
  if (row)
    throw new SampanError(
      "already_exists",
      `${what}: Conflict. The container name "/${name}" is already in use by container "${row.id}". You have to remove (or rename) that container to be able to reuse that name.`,
    );
}
