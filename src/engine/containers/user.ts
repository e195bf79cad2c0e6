/** Which ids a container's process gets: USER of an image or --user, by the image's own /etc/passwd and /etc/group. Pure; a stranger's files. */
import { invalid } from "../../base/errors.ts";

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** The own group first: else a set-group-id program could shed it, and with it what a mode denies to that group (CVE-2022-36109). */
  readonly additionalGids: readonly number[];
  readonly home: string;
}

/** 31 bits: what is larger turns negative, or into root, somewhere below (CVE-2024-40635). */
const largestId = 2 ** 31 - 1;

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/**
 * `text` is `user`, `user:group`, each a name or decimal digits; a user of "" is root. The files' texts are "" where there are none. `add`: further groups, each a name or digits.
 * `merge`: the groups that the image has the user in, also when a group was named, as the CRI has it; `strict`: none of these. Without: only when no group was named, as Docker has it.
 * Errors: `invalid_argument`.
 */
export function resolveUser(
  text: string,
  passwd: string,
  group: string,
  { add = [], policy }: { readonly add?: readonly string[]; readonly policy?: "merge" | "strict" } = {},
): ResolvedUser {
  const [user = "", wantedGroup, more] = text.split(":");
  const refuse = (why: string) => invalid(`cannot use user "${text.slice(0, 150)}": ${why}`);
  if (more !== undefined || wantedGroup === "")
    throw refuse("wanted a user, or a user and a group with a colon between");
  const accounts = () => parseAccounts(passwd);
  const number = user === "" ? 0 : idOf(user, refuse);
  const account =
    number === undefined
      ? accounts().find(({ name }) => name === user)
      : accounts().find(({ uid }) => uid === number);
  if (number === undefined && !account) throw refuse(`the image's /etc/passwd has no user "${user}"`);
  const groups = parseGroups(group);
  const own = wantedGroup === undefined ? undefined : groupId(wantedGroup, groups, refuse);
  const gid = own ?? account?.gid ?? 0;
  const supplementary =
    policy !== "strict" && (own === undefined || policy === "merge") && account
      ? groups.filter(({ members }) => members.includes(account.name))
      : [];
  const added = add.map((name) =>
    groupId(name, groups, (why) => invalid(`cannot add group "${name.slice(0, 150)}": ${why}`)),
  );
  return {
    uid: number ?? account?.uid ?? 0,
    gid,
    additionalGids: [...new Set([gid, ...supplementary.map((each) => each.gid), ...added])],
    home: account?.home ?? "/",
  };
}

/** Decimal digits; undefined for a name. Whatever else begins with a digit of any script, or with a sign, is refused: it would be a number to someone. */
function idOf(text: string, refuse: (why: string) => Error): number | undefined {
  if (/^[0-9]+$/.test(text)) {
    const id = Number(text);
    if (id <= largestId) return id;
    throw refuse(`id ${text.slice(0, 30)} is over ${largestId}`);
  }
  if (!/^[A-Za-z_][A-Za-z0-9_.@-]{0,254}\$?$/.test(text))
    throw refuse("it is neither a name nor decimal digits");
  return undefined;
}

function groupId(text: string, groups: readonly Group[], refuse: (why: string) => Error): number {
  const id = idOf(text, refuse) ?? groups.find(({ name }) => name === text)?.gid;
  if (id === undefined) throw refuse(`the image's /etc/group has no group "${text}"`);
  return id;
}

const isId = (text = "") => /^[0-9]{1,10}$/.test(text) && Number(text) <= largestId;

/** passwd(5). Lines that are not of its form are passed over. */
function parseAccounts(text: string): Account[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , uid, gid, , home = ""] = line.split(":");
    if (name === "" || !isId(uid) || !isId(gid)) return [];
    return [{ name, uid: Number(uid), gid: Number(gid), home: isHome(home) ? home : "/" }];
  });
}

/** It becomes an environment variable, which programs write into files of lines (CVE-2022-4318). */
function isHome(path: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return path.startsWith("/") && path.length < 4096 && !/[\u0000-\u001f\u007f]/.test(path);
}

/** group(5) */
function parseGroups(text: string): Group[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , gid, members = ""] = line.split(":");
    if (name === "" || !isId(gid)) return [];
    return [{ name, gid: Number(gid), members: members.split(",") }];
  });
}
