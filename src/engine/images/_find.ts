/** From what a user wrote to rows: a name, a name with digest, an id, or the beginning of an id. */
import { invalid } from "../../base/errors.ts";
import { normalName, parseReference, repositoryName } from "../../spec/image/reference.ts";
import type { Store } from "../store/store.ts";
import { platformRows, type PlatformRow } from "./_rows.ts";

/** All platforms of the one record that is meant; none when there is none. Errors: `invalid_argument` when the beginning of an id fits several. */
export function rowsOf(store: Store, reference: string): PlatformRow[] {
  const byDigest = fullDigest(reference);
  if (byDigest) return rowsOfDigest(store, byDigest);
  const named = rowsOfName(store, reference);
  return named.length > 0 ? named : rowsOfPrefix(store, reference);
}

/** Whether the text is an id or the beginning of one, as opposed to a name. */
export function looksLikeId(reference: string): boolean {
  return /^(?:sha256:)?[0-9a-f]{3,64}$/.test(reference);
}

function fullDigest(reference: string): string | undefined {
  if (/^[0-9a-f]{64}$/.test(reference)) return `sha256:${reference}`;
  return /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(reference) ? reference : undefined;
}

function rowsOfDigest(store: Store, digest: string): PlatformRow[] {
  const target = platformRows(store, "i.target = ?", [digest]);
  return target.length > 0
    ? target
    : preferNamed(store, platformRows(store, "p.config = ?1 OR p.manifest = ?1", [digest]));
}

function rowsOfName(store: Store, reference: string): PlatformRow[] {
  const parsed = readable(reference);
  if (!parsed) return [];
  if (parsed.digest)
    return preferNamed(
      store,
      platformRows(
        store,
        `(i.target = ?1 OR p.manifest = ?1) AND i.target IN (SELECT target FROM repo_digests WHERE repository = ?2)`,
        [parsed.digest, repositoryName(parsed)],
      ),
    );
  return platformRows(store, "i.target = (SELECT target FROM names WHERE reference = ?)", [
    normalName(parsed),
  ]);
}

function readable(reference: string): ReturnType<typeof parseReference> | undefined {
  try {
    return parseReference(reference);
  } catch {
    return undefined;
  }
}

function rowsOfPrefix(store: Store, reference: string): PlatformRow[] {
  if (!looksLikeId(reference)) return [];
  const from = `sha256:${reference.replace(/^sha256:/, "")}`;
  // "g" sorts after every hexadecimal digit, so the range is all that begin so and the index serves it.
  const rows = platformRows(store, "p.config >= ?1 AND p.config < ?2", [from, `${from}g`]);
  if (new Set(rows.map(({ config }) => config)).size > 1)
    throw invalid(`cannot find image "${reference}": several ids begin so, wanted more digits`);
  return preferNamed(store, rows);
}

/** One configuration can be in several records (the same image as Docker's and as OCI's): one with a name is meant, else the newest. */
function preferNamed(store: Store, rows: PlatformRow[]): PlatformRow[] {
  const named = store.db.query<{ found: number }, [string]>(
    "SELECT 1 AS found FROM names WHERE target = ? LIMIT 1",
  );
  const record = rows.find(({ target }) => named.get(target)) ?? rows[0];
  return rows.filter(({ target }) => target === record?.target);
}
