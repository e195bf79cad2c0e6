/**
 * Secrets on the disk: AES-256-GCM (NIST SP 800-38D) with a key of this node. What a row is of is authenticated with it, so that no row can stand in for another. Whoever reads the disk of a
 * running node as root has the key too; a stolen backup of the database, or a log of it, has not.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import { fileError } from "../../../engine/store/errors.ts";

export interface Cipher {
  seal(text: string, of: string): Uint8Array;
  /** Errors: `data_loss`, when it was changed, is of another row, or of another key. */
  open(sealed: Uint8Array, of: string): string;
}

const algorithm = "aes-256-gcm";
const bytes = { key: 32, nonce: 12, tag: 16 } as const;

/** The key's file is made when it is not there. Errors: `failed_precondition` when it is no key. */
export function openCipher(path: string): Cipher {
  const key = readKey(path) ?? makeKey(path);
  return {
    seal(text, of) {
      const nonce = randomBytes(bytes.nonce);
      const cipher = createCipheriv(algorithm, key, nonce).setAAD(Buffer.from(of));
      const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]);
    },
    open(sealed, of) {
      try {
        const whole = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
        const body = bytes.nonce + bytes.tag;
        const decipher = createDecipheriv(algorithm, key, whole.subarray(0, bytes.nonce), {
          authTagLength: bytes.tag,
        })
          .setAAD(Buffer.from(of))
          .setAuthTag(whole.subarray(bytes.nonce, body));
        return Buffer.concat([decipher.update(whole.subarray(body)), decipher.final()]).toString("utf8");
      } catch (cause) {
        throw new SampanError(
          "data_loss",
          `cannot read "${of}": it was not encrypted by this node's key, or was changed`,
          { cause },
        );
      }
    },
  };
}

function readKey(path: string): Buffer | undefined {
  let key: Buffer;
  try {
    key = readFileSync(path);
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined;
    throw fileError(`read key "${path}"`, error);
  }
  if (key.byteLength === bytes.key) return key;
  throw new SampanError(
    "failed_precondition",
    `cannot use key "${path}": it has ${key.byteLength} bytes, wanted ${bytes.key}; remove it, and what it encrypted is asked for again`,
  );
}

function makeKey(path: string): Buffer {
  const key = randomBytes(bytes.key);
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const fd = openSync(`${path}.new`, "w", 0o600);
    try {
      fchmodSync(fd, 0o600);
      writeSync(fd, key);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(`${path}.new`, path);
    const parent = openSync(folder, "r");
    try {
      fsyncSync(parent);
    } finally {
      closeSync(parent);
    }
  } catch (error) {
    throw fileError(`write key "${path}"`, error);
  }
  return key;
}
