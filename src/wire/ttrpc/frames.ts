/**
 * Frames of ttrpc 1.2: length and stream as big-endian u32, type and flags as u8, then the data. A frame whose data are too long is thrown away as it comes,
 * and told, so that its stream can be refused and the connection goes on.
 */

export const headerSize = 10;
/** Bytes of one frame's data. */
export const dataLimit = 4 << 20;

export const types = { request: 1, response: 2, data: 3 } as const;
/** `remoteClosed`: no more data come; `remoteOpen`: they do. */
export const flags = { remoteClosed: 1, remoteOpen: 2 } as const;

export interface Frame {
  readonly stream: number;
  readonly type: number;
  readonly flags: number;
  /** Undefined: there were more than `dataLimit`. */
  readonly data: Uint8Array | undefined;
}

export function encodeFrame(frame: Frame & { readonly data: Uint8Array }): Uint8Array {
  const bytes = new Uint8Array(headerSize + frame.data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, frame.data.length);
  view.setUint32(4, frame.stream);
  bytes[8] = frame.type;
  bytes[9] = frame.flags;
  bytes.set(frame.data, headerSize);
  return bytes;
}

export interface FrameReader {
  /** Takes what comes, as it comes, and gives the frames that are whole. */
  (chunk: Uint8Array): Frame[];
  /** Whether it is in the middle of one. */
  readonly partial: () => boolean;
}

export function frameReader(): FrameReader {
  let parts: Uint8Array[] = [];
  let have = 0;
  let skip = 0;
  const read = (chunk: Uint8Array): Frame[] => {
    const frames: Frame[] = [];
    let rest = chunk;
    while (rest.length > 0 || (parts.length > 0 && have >= headerSize)) {
      if (skip > 0) {
        const gone = Math.min(skip, rest.length);
        skip -= gone;
        rest = rest.subarray(gone);
        continue;
      }
      if (rest.length > 0) parts.push(rest);
      have += rest.length;
      rest = new Uint8Array(0);
      if (have < headerSize) break;
      const head = joined(headerSize);
      const view = new DataView(head.buffer, head.byteOffset);
      const size = view.getUint32(0);
      const [stream, type, flag] = [view.getUint32(4), head[8] ?? 0, head[9] ?? 0];
      if (size > dataLimit) {
        frames.push({ stream, type, flags: flag, data: undefined });
        rest = joined(have).subarray(headerSize);
        [parts, have, skip] = [[], 0, size];
        continue;
      }
      if (have < headerSize + size) break;
      const all = joined(have);
      frames.push({ stream, type, flags: flag, data: all.slice(headerSize, headerSize + size) });
      rest = all.subarray(headerSize + size);
      [parts, have] = [[], 0];
    }
    return frames;
  };
  return Object.assign(read, { partial: () => have > 0 || skip > 0 });

  /** The parts as one, when fewer bytes than wanted stand in the first. */
  function joined(wanted: number): Uint8Array {
    const [first] = parts;
    if (first && first.length >= wanted) return first;
    const all = new Uint8Array(have);
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    parts = [all];
    return all;
  }
}
