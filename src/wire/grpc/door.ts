/**
 * The door through which gRPC clients reach an HTTP/2 server on a unix socket.
 *
 * Programs built with grpc-go before 1.57 send the socket's path as `:authority` (`/run/x.sock`), which is none (RFC 3986, section 3.2), and the HTTP/2 servers of Node and Bun reset such streams.
 * The door reads what comes in frame by frame, writes an authority of its own, and passes all else on as it came. As the compression of headers has a state (RFC 7541, section 2.3), every
 * header block is decoded here and written anew without it. What goes out is not touched.
 */
import { Duplex } from "node:stream";
import { SampanError } from "../../base/errors.ts";
import { FrameReader, type HeaderBlock } from "./frames.ts";
import { encodeHeaders, HeaderDecoder } from "./headers.ts";

/** Who is asked is said by the socket. (What newer Go writes for a path, `%2Frun%2Fx.sock`, is no host for a URL either.) */
const authority = "localhost";

export interface DoorOptions {
  /** Bytes of one header block, packed and unpacked; 64 KiB. */
  readonly headerLimit?: number;
}

/** The connection as the HTTP/2 server is to see it: `server.emit("connection", openDoor(socket))`. It is destroyed with the socket, and the socket with it. */
export function openDoor(socket: Duplex, { headerLimit = 65_536 }: DoorOptions = {}): Duplex {
  return new Door(socket, headerLimit);
}

class Door extends Duplex {
  private readonly socket: Duplex;
  private readonly frames: FrameReader;
  private readonly decoder: HeaderDecoder;

  constructor(socket: Duplex, headerLimit: number) {
    super({ allowHalfOpen: true });
    this.socket = socket;
    this.decoder = new HeaderDecoder(headerLimit);
    this.frames = new FrameReader(headerLimit, (block) => this.rewritten(block));
    socket.on("data", (data: Buffer) => this.arrived(data));
    socket.on("end", () => this.push(null));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  override _read(): void {
    this.socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.socket.write(chunk)) return done();
    const go = () => {
      this.socket.off("close", go);
      this.socket.off("drain", go);
      done();
    };
    this.socket.once("drain", go);
    this.socket.once("close", go);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.socket.destroy();
    // Who sent nonsense hears of it by the end of the connection; the server has nothing to do with it.
    done(error instanceof SampanError ? null : error);
  }

  private arrived(data: Buffer): void {
    try {
      for (const part of this.frames.read(data)) if (!this.push(part)) this.socket.pause();
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  private rewritten(block: HeaderBlock): Buffer {
    const fields = this.decoder.decode(block.fragment);
    return encodeHeaders(
      fields.map((field) => (field.name === ":authority" ? { ...field, value: authority } : field)),
    );
  }
}
