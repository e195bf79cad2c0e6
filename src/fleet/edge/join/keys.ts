/** The keys of this node as files: `authority.crt`, and `node.pem` with certificate and key together, so that one rename changes both. */
import { X509Certificate, createPrivateKey } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import { fileError } from "../../../engine/store/errors.ts";
import type { KeyPair, NodeKeys } from "../hub/keys.ts";

export interface KeyFiles extends NodeKeys {
  /** Of the certificate, milliseconds since 1970. Errors: as `current`. */
  validity(): { readonly from: number; readonly until: number };
  /** On the disk when it returns. */
  replace(keys: KeyPair): void;
}

export const authorityName = "authority.crt";
export const pairName = "node.pem";

const block = /-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----\n?/g;

export function openKeys(folder: string): KeyFiles {
  const current = () => {
    const authority = read(join(folder, authorityName));
    const blocks = [...read(join(folder, pairName)).matchAll(block)];
    const certificate = blocks.find(([, label]) => label === "CERTIFICATE")?.[0];
    const key = blocks.find(([, label]) => label?.endsWith("PRIVATE KEY"))?.[0];
    if (certificate === undefined || key === undefined)
      throw new SampanError(
        "data_loss",
        `cannot use "${join(folder, pairName)}": it lacks a certificate or a key; join again`,
      );
    return { authority, certificate, key };
  };
  return {
    current,
    validity() {
      const { validFrom, validTo } = new X509Certificate(current().certificate);
      return { from: Date.parse(validFrom), until: Date.parse(validTo) };
    },
    replace({ authority, certificate, key }) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      write(join(folder, authorityName), authority);
      write(join(folder, pairName), `${certificate}${key}`);
    },
  };
}

/** Whether key and certificate fit. */
export function isPair({ certificate, key }: Pick<KeyPair, "certificate" | "key">): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT")
      throw new SampanError(
        "not_found",
        `cannot read "${path}": this node has not joined a cloud; see sampan join --help`,
      );
    throw fileError(`read "${path}"`, error);
  }
}

function write(path: string, text: string): void {
  try {
    const fd = openSync(`${path}.new`, "w", 0o600);
    try {
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(`${path}.new`, path);
    const folder = openSync(dirname(path), "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (error) {
    throw fileError(`write "${path}"`, error);
  }
}
