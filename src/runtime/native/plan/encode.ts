/**
 * A plan as the launcher reads it: a header, fixed-size records (96 bytes each, so that C indexes them as an array), then texts.
 * Little endian. The reasons (`why`) follow the texts as JSON; the launcher never looks at them, `explain --id` does.
 *
 *   header  u32 magic "SPN1", fingerprint of the operations table, size, offset of the texts, offset and length of the reasons,
 *           4 × (u32 offset, u32 count) for parent, middle, init, monitor, u32 failing stage, index, errno (used by fault-injection builds only)
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
export const headerSize = 72;
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
  readonly offsets: Record<string, number>;
}

const layouts = new Map<string, Layout>();
const tolerancesAt = 4;
const intsAt = 16;
const textsAt = 64;

/**
 * The plan's bytes; `fault` makes a fault-injection build of the launcher fail there instead of executing the operation.
 *
 * One long function on purpose: it runs once in a process that lives for milliseconds, and there every function that is called some dozens of
 * times costs its compilation (decision 009).
 */
export function encodePlan(plan: Plan, fault?: Fault): Uint8Array {
  const { parent, middle, init, monitor = [] } = plan;
  const lists = [parent, middle, init, monitor];
  const records = parent.length + middle.length + init.length + monitor.length;
  const textStart = headerSize + records * recordSize;
  let bytes = new Uint8Array(textStart + 49152);
  let view = new DataView(bytes.buffer);
  const encoder = new TextEncoder();
  let at = headerSize;
  let end = textStart;
  const reasonLists: string[][] = [];
  for (let number = 0; number < 4; number++) {
    const list = lists[number] as readonly Operation[];
    const whys: string[] = [];
    view.setUint32(24 + number * 8, at, true);
    view.setUint32(28 + number * 8, list.length, true);
    for (const operation of list) {
      const { name: kind, args, tolerate, why } = operation;
      let layout = layouts.get(kind);
      if (layout === undefined) {
        const { ints, texts }: OperationShape = operations[kind];
        layout = { record: new Uint8Array(recordSize), offsets: {} };
        layouts.set(kind, layout);
        const defaults = new DataView(layout.record.buffer);
        defaults.setUint16(0, operationNames.indexOf(kind), true);
        let place = intsAt;
        for (const name in ints) {
          layout.offsets[name] = place;
          const value = ints[name] ?? 0;
          defaults.setInt32(place, value, true);
          defaults.setInt32(place + 4, value < 0 ? -1 : 0, true);
          place += 8;
        }
        place = textsAt;
        for (const name in texts) {
          layout.offsets[name] = place;
          place += 8;
        }
      }
      const { record, offsets } = layout;
      bytes.set(record, at);
      whys.push(why);
      for (const name in args) {
        const value = args[name];
        const place = offsets[name];
        if (value === undefined || place === undefined) continue;
        if (typeof value === "number") {
          view.setUint32(at + place, value >>> 0, true);
          view.setInt32(at + place + 4, Math.floor(value / 0x100000000), true);
          continue;
        }
        if (typeof value === "bigint") {
          view.setBigInt64(at + place, value, true);
          continue;
        }
        const size =
          typeof value === "string"
            ? value.length * 3
            : value instanceof Uint8Array
              ? value.length
              : vectorSize(value);
        if (end + size + 16 > bytes.length) {
          const grown = new Uint8Array(bytes.length * 2 + size);
          grown.set(bytes);
          bytes = grown;
          view = new DataView(bytes.buffer);
        }
        if (typeof value === "string") {
          const { written } = encoder.encodeInto(value, bytes.subarray(end));
          view.setUint32(at + place, end, true);
          view.setUint32(at + place + 4, written, true);
          end += written + 1;
        } else if (value instanceof Uint8Array) {
          end += -end & 7;
          bytes.set(value, end);
          view.setUint32(at + place, end, true);
          view.setUint32(at + place + 4, value.length, true);
          end += value.length + 1;
        } else {
          end += -end & 7;
          view.setUint32(at + place, end, true);
          view.setUint32(at + place + 4, value.length, true);
          let text = end + (value.length + 2) * 8;
          for (const each of value) {
            view.setUint32(end, text, true);
            end += 8;
            text += encoder.encodeInto(each, bytes.subarray(text)).written + 1;
          }
          end = text;
        }
      }
      if (tolerate) {
        const { errnos, skip = 0 } = tolerate;
        view.setUint16(at + 2, skip, true);
        if (errnos === "any") view.setUint16(at + tolerancesAt, 0xffff, true);
        else if (errnos.length > 4) throw tooManyErrnos(operation);
        // Our architectures are little endian.
        else bytes.set(new Uint8Array(new Uint16Array(errnos).buffer), at + tolerancesAt);
      }
      at += recordSize;
    }
    reasonLists.push(whys);
  }
  const reasons = encoder.encode(JSON.stringify(reasonLists));
  const result = new Uint8Array(end + reasons.length);
  result.set(bytes.subarray(0, end));
  result.set(reasons, end);
  view = new DataView(result.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, fingerprint, true);
  view.setUint32(8, result.length, true);
  view.setUint32(12, textStart, true);
  view.setUint32(16, end, true);
  view.setUint32(20, reasons.length, true);
  view.setUint32(56, fault ? stages.indexOf(fault.stage) : 0xffffffff, true);
  view.setUint32(60, fault?.index ?? 0, true);
  view.setUint32(64, fault?.errno ?? 0, true);
  return result;
}

/** At most: pointers and their end, and each text as UTF-8 with its NUL. */
function vectorSize(values: readonly string[]): number {
  let size = (values.length + 2) * 8 + 8;
  for (const value of values) size += value.length * 3 + 1;
  return size;
}

function tooManyErrnos({ name, tolerate }: Operation): SampanError {
  return new SampanError(
    "internal",
    `cannot encode operation "${name}": ${tolerate?.errnos.length} tolerated errnos, at most 4`,
  );
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
  const [parent = [], middle = [], init = [], monitor = []] = stages.map((_, stage) => {
    const offset = view.getUint32(24 + stage * 8, true);
    const count = view.getUint32(28 + stage * 8, true);
    return Array.from({ length: count }, (_, i) =>
      decodeRecord(bytes, view, offset + i * recordSize, whys[stage]?.[i] ?? ""),
    );
  });
  return { parent, middle, init, ...(monitor.length > 0 && { monitor }) };
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
