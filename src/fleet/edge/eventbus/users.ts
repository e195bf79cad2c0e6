/**
 * Users of the broker inside: a JSON file that only its owner can read, with hashed passwords (argon2id) and rights.
 *
 *     { "users": { "lamp": { "password": "$argon2id$…", "publish": ["$hw/events/device/default/lamp/#"], "subscribe": ["$hw/events/device/default/lamp/#"] } },
 *       "anonymous": { "publish": [], "subscribe": ["public/#"] } }
 *
 * Without `anonymous` nobody comes in without a password. It is read again when it has changed.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
import { SampanError } from "../../../base/errors.ts";
import { list, line, map, needed, object, optional } from "../../link/codec.ts";
import { parseJson } from "../../link/json.ts";
import { isFilter } from "../../link/mqtt-topics.ts";
import type { Rights } from "./rights.ts";

export interface User extends Rights {
  readonly password: string;
}

export interface UserFile {
  readonly users: Readonly<Record<string, User>>;
  readonly anonymous?: Rights;
}

const filters = list(
  {
    read: (value: unknown, at: string) => {
      const text = line({ most: 1024 }).read(value, at);
      if (!isFilter(text)) throw new SampanError("invalid_argument", `${at} is no filter of topics`);
      return text;
    },
    write: (value: string) => value,
  },
  1000,
);
const rights = { publish: needed(filters), subscribe: needed(filters) };
const file = object<UserFile>({
  users: needed(map(object<User>({ password: needed(line({ most: 512 })), ...rights }), line({ most: 256 }))),
  anonymous: optional(object<Rights>(rights)),
});

/** OWASP's for argon2id, 2024: memory in KiB. A hash that says more is verified as it says. */
const cost = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;
/** Verifications at once, each of which takes 19 MiB, and those that wait for their turn. */
const turns = { together: 2, waiting: 64 } as const;
const longestPassword = 1024;

export async function hashPassword(password: string): Promise<string> {
  return await Bun.password.hash(password, cost);
}

/** Adds a user, or changes one. The file is made when it is not there, and replaced as a whole. */
export async function putUser(
  path: string,
  name: string,
  user: Rights & { readonly password: string },
): Promise<void> {
  const before = statSync(path, { throwIfNoEntry: false }) ? readUsers(path) : { users: {} };
  const hashed = { ...user, password: await hashPassword(user.password) };
  const after = { ...before, users: Object.fromEntries([...Object.entries(before.users), [name, hashed]]) };
  const whole = JSON.stringify(file.write(file.read(after, "the users")), null, 2);
  const fd = openSync(`${path}.new`, "w", 0o600);
  try {
    writeSync(fd, whole);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.new`, path);
}

/** @throws SampanError failed_precondition when others can read it, invalid_argument, not_found. */
export function readUsers(path: string): UserFile {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (cause) {
    throw new SampanError("not_found", `cannot read users "${path}": ${SampanError.from(cause).message}`, {
      cause,
    });
  }
  try {
    const { mode, size } = fstatSync(fd);
    if ((mode & 0o077) !== 0)
      throw new SampanError(
        "failed_precondition",
        `cannot use users "${path}": others can read it, wanted mode 0600`,
      );
    if (size > 4 << 20)
      throw new SampanError("invalid_argument", `cannot read users "${path}": it is too large`);
    return file.read(parseJson(readFileSync(fd, "utf8"), "the users", 8), "the users");
  } finally {
    closeSync(fd);
  }
}

export class Users {
  readonly #path: string;
  readonly #log: (text: string) => void;
  /** Passwords that were right, keyed by this process: thousands of clients that come back at once cost no more than one hash each. */
  readonly #key = randomBytes(32);
  readonly #good = new Map<string, Buffer>();
  readonly #waiting: (() => void)[] = [];
  #busy = 0;
  #file: UserFile;
  #changed: number;
  #dummy: Promise<string> | undefined;

  /** @throws as `readUsers`: a broker that should ask for passwords does not begin without them. */
  constructor(path: string, log: (text: string) => void) {
    this.#path = path;
    this.#log = log;
    this.#file = readUsers(path);
    this.#changed = statSync(path).mtimeMs;
  }

  get anonymous(): Rights | undefined {
    return this.#file.anonymous;
  }

  rightsOf(user: string): Rights | undefined {
    return user === "" ? this.#file.anonymous : own(this.#file.users, user);
  }

  /** Whether the password is that user's. Takes as long for a name that is nobody's. */
  async verify(name: string, password: Uint8Array): Promise<boolean> {
    this.#reload();
    if (password.length === 0 || password.length > longestPassword) return false;
    const user = own(this.#file.users, name);
    const seen = createHmac("sha256", this.#key)
      .update(`${user?.password ?? ""}\n`)
      .update(password)
      .digest();
    const good = this.#good.get(name);
    if (user && good && timingSafeEqual(good, seen)) return true;
    const right = await this.#turn(async () => {
      const hash = user?.password ?? (await (this.#dummy ??= hashPassword(randomBytes(16).toString("hex"))));
      return await Bun.password.verify(Buffer.from(password), hash).catch(() => false);
    });
    if (right && user) this.#good.set(name, seen);
    return right && user !== undefined;
  }

  async #turn<T>(run: () => Promise<T>): Promise<T> {
    if (this.#busy >= turns.together) {
      if (this.#waiting.length >= turns.waiting)
        throw new SampanError("resource_exhausted", "too many clients want to come in at once");
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    } else this.#busy += 1;
    try {
      return await run();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#busy -= 1;
    }
  }

  #reload(): void {
    try {
      const { mtimeMs } = statSync(this.#path);
      if (mtimeMs === this.#changed) return;
      this.#changed = mtimeMs;
      this.#file = readUsers(this.#path);
      this.#good.clear();
    } catch (error) {
      this.#log(`eventbus: the users stay as they were: ${SampanError.from(error).message}`);
    }
  }
}

function own<T>(of: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(of, name) ? of[name] : undefined;
}
