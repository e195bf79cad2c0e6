/**
 * A plan as the launcher reads it: a header, fixed-size records (96 bytes each, so that C indexes them as an array), then texts.
 * Little endian. The reasons (`why`) follow the texts as JSON; the launcher never looks at them, `explain --id` does.
 *
 *   header  u32 magic "SPN1", fingerprint of the operations table, size, offset of the texts, offset and length of the reasons,
 *           3 × (u32 offset, u32 count) for parent, middle, init, u32 failing stage, index, errno (used by fault-injection builds only)
 *   record  u16 number, u16 skip, u16[4] tolerated errnos (0xffff = any), u32 zero, i64[6] ints, 4 × (u32 offset, u32 length) texts
 *   text    bytes and a NUL; a vector is an array of u64 offsets ended by two zeros (the launcher turns them into pointers in place;
 *           the second zero is room for HOME)
 */
import { SampanError } from "../../../base/errors.ts";
import { fingerprint } from "./_fingerprint.ts";
import {
  operationNames,
  operations,
  stages,
  type Operation,
  type OperationShape,
  type Plan,
} from "./operations.ts";

export const magic = 0x314e5053;
export const headerSize = 64;
export const recordSize = 96;

export interface Fault {
  readonly stage: (typeof stages)[number];
  readonly index: number;
  readonly errno: number;
}

/** Where the arguments of an operation lie, and its record with all defaults. */
interface Layout {
  readonly record: Uint8Array;
  /** Offsets in the record: of an integer from 16, of a text from 64. */
  readonly offsets: Readonly<Record<string, number>>;
}

const layouts = new Map<string, Layout>();
const intsAt = 16;
const textsAt = 64;

function layoutOf(name: Operation["name"]): Layout {
  const known = layouts.get(name);
  if (known) return known;
  const shape: OperationShape = operations[name];
  const record = new Uint8Array(recordSize);
  const view = new DataView(record.buffer);
  const offsets: Record<string, number> = {};
  view.setUint16(0, operationNames.indexOf(name), true);
  Object.entries(shape.ints).forEach(([key, fallback], i) => {
    offsets[key] = intsAt + i * 8;
    setInteger(view, intsAt + i * 8, fallback);
  });
  Object.keys(shape.texts).forEach((key, i) => (offsets[key] = textsAt + i * 8));
  const layout = { record, offsets };
  layouts.set(name, layout);
  return layout;
}

/** A 64-bit integer in two halves: BigInt is slow, and nearly all are small. */
function setInteger(view: DataView, at: number, value: number | bigint): void {
  if (typeof value === "bigint") {
    view.setBigInt64(at, value, true);
    return;
  }
  view.setUint32(at, value >>> 0, true);
  view.setInt32(at + 4, Math.floor(value / 0x100000000), true);
}

/** Grows by doubling; one instance a plan. */
class Texts {
  #bytes = new Uint8Array(65536);
  #length: number;
  readonly #encoder = new TextEncoder();

  constructor(start: number) {
    this.#length = start;
  }

  #room(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + size));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  add(value: string | Uint8Array): readonly [number, number] {
    const offset = this.#length;
    if (typeof value === "string") {
      this.#room(value.length * 3 + 1);
      const { written } = this.#encoder.encodeInto(value, this.#bytes.subarray(offset));
      this.#bytes[offset + written] = 0;
      this.#length = offset + written + 1;
      return [offset, written];
    }
    this.#length = offset + (-offset & 7);
    const aligned = this.#length;
    this.#room(value.length + 1);
    this.#bytes.set(value, aligned);
    this.#bytes[aligned + value.length] = 0;
    this.#length = aligned + value.length + 1;
    return [aligned, value.length];
  }

  vector(values: readonly string[]): readonly [number, number] {
    const offsets = new Uint32Array((values.length + 2) * 2);
    values.forEach((value, i) => (offsets[i * 2] = this.add(value)[0]));
    return [this.add(new Uint8Array(offsets.buffer))[0], values.length];
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** The plan's bytes; `fault` makes a fault-injection build of the launcher fail there instead of executing the operation. */
export function encodePlan(plan: Plan, fault?: Fault): Uint8Array {
  const count = plan.parent.length + plan.middle.length + plan.init.length;
  const textStart = headerSize + count * recordSize;
  const texts = new Texts(textStart);
  const head = new Uint8Array(textStart);
  const view = new DataView(head.buffer);
  const whys: string[][] = [];
  let at = headerSize;
  stages.forEach((stage, number) => {
    const list = plan[stage];
    view.setUint32(24 + number * 8, at, true);
    view.setUint32(28 + number * 8, list.length, true);
    for (const operation of list) {
      encodeRecord(head, view, at, { operation, texts });
      at += recordSize;
    }
    whys.push(list.map(({ why }) => why));
  });
  const reasons = texts.add(JSON.stringify(whys));
  const bytes = texts.finish();
  view.setUint32(0, magic, true);
  view.setUint32(4, fingerprint, true);
  view.setUint32(8, bytes.length, true);
  view.setUint32(12, textStart, true);
  view.setUint32(16, reasons[0], true);
  view.setUint32(20, reasons[1], true);
  view.setUint32(48, fault ? stages.indexOf(fault.stage) : 0xffffffff, true);
  view.setUint32(52, fault?.index ?? 0, true);
  view.setUint32(56, fault?.errno ?? 0, true);
  bytes.set(head, 0);
  return bytes;
}

interface Encoding {
  readonly operation: Operation;
  readonly texts: Texts;
}

function encodeRecord(head: Uint8Array, view: DataView, at: number, { operation, texts }: Encoding): void {
  const { record, offsets } = layoutOf(operation.name);
  head.set(record, at);
  if (operation.tolerate) encodeTolerance(view, at, operation);
  const { args } = operation;
  for (const name in args) {
    const value = args[name];
    const offset = offsets[name];
    if (value === undefined || offset === undefined) continue;
    if (typeof value === "number" || typeof value === "bigint") {
      setInteger(view, at + offset, value);
      continue;
    }
    const [start, length] =
      typeof value === "string" || value instanceof Uint8Array ? texts.add(value) : texts.vector(value);
    view.setUint32(at + offset, start, true);
    view.setUint32(at + offset + 4, length, true);
  }
}

function encodeTolerance(view: DataView, at: number, { name, tolerate }: Operation): void {
  if (!tolerate) return;
  const errnos = tolerate.errnos === "any" ? [0xffff] : tolerate.errnos;
  if (errnos.length > 4) {
    throw new SampanError(
      "internal",
      `cannot encode operation "${name}": ${errnos.length} tolerated errnos, at most 4`,
    );
  }
  view.setUint16(at + 2, tolerate.skip ?? 0, true);
  errnos.forEach((errno, i) => view.setUint16(at + 4 + i * 2, errno, true));
}

/** The operations of an encoded plan with their reasons; refuses bytes that this build did not write. */
export function decodePlan(bytes: Uint8Array): Plan {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (
    bytes.length < headerSize ||
    view.getUint32(0, true) !== magic ||
    view.getUint32(4, true) !== fingerprint
  ) {
    throw new SampanError(
      "failed_precondition",
      "cannot read the plan: it was written by another version of Sampan",
    );
  }
  const whyAt = view.getUint32(16, true);
  const whys = JSON.parse(
    new TextDecoder().decode(bytes.subarray(whyAt, whyAt + view.getUint32(20, true))),
  ) as string[][];
  const [parent, middle, init] = stages.map((_, stage) => {
    const offset = view.getUint32(24 + stage * 8, true);
    const count = view.getUint32(28 + stage * 8, true);
    return Array.from({ length: count }, (_, i) =>
      decodeRecord(bytes, view, offset + i * recordSize, whys[stage]?.[i] ?? ""),
    );
  });
  return { parent: parent ?? [], middle: middle ?? [], init: init ?? [] };
}

function decodeRecord(bytes: Uint8Array, view: DataView, at: number, why: string): Operation {
  const name = operationNames[view.getUint16(at, true)];
  if (name === undefined)
    throw new SampanError("data_loss", `cannot read the plan: no operation ${view.getUint16(at, true)}`);
  const shape: OperationShape = operations[name];
  const args: Record<string, bigint | number | string | string[]> = {};
  Object.keys(shape.ints).forEach((key, i) => {
    const value = view.getBigInt64(at + 16 + i * 8, true);
    args[key] = Number.isSafeInteger(Number(value)) ? Number(value) : value;
  });
  const decoder = new TextDecoder();
  const textAt = (offset: number): string => decoder.decode(bytes.subarray(offset, bytes.indexOf(0, offset)));
  Object.entries(shape.texts).forEach(([key, kind], i) => {
    const offset = view.getUint32(at + 64 + i * 8, true);
    const length = view.getUint32(at + 68 + i * 8, true);
    if (kind === "") args[key] = decoder.decode(bytes.subarray(offset, offset + length));
    else
      args[key] = Array.from({ length }, (_, n) => textAt(Number(view.getBigUint64(offset + n * 8, true))));
  });
  const errnos = [0, 1, 2, 3].map((i) => view.getUint16(at + 4 + i * 2, true)).filter((errno) => errno !== 0);
  const skip = view.getUint16(at + 2, true);
  if (errnos.length === 0) return { name, args, why };
  return { name, args, why, tolerate: { errnos: errnos[0] === 0xffff ? "any" : errnos, skip } };
}
