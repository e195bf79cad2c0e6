/** A connected stream socket that is there as a descriptor, read without blocking. Bun alone can adopt one: node:net's `fd` never becomes readable in 1.4. */

export interface DescriptorStream {
  /** The first `size` bytes; fewer when the peer closed before. */
  first(size: number): Promise<Uint8Array>;
  /** Resolves when the peer has closed its end. */
  readonly closed: Promise<void>;
  write(bytes: Uint8Array): void;
  /** No more is written: the peer reads the end. */
  shutdown(): void;
  close(): void;
}

/** Takes the descriptor over. */
export async function descriptorStream(fd: number): Promise<DescriptorStream> {
  const ended = Promise.withResolvers<void>();
  let bytes = new Uint8Array(0);
  let wake = (): void => undefined;
  const options = {
    fd,
    allowHalfOpen: true,
    socket: {
      data(_socket: unknown, chunk: Uint8Array): void {
        bytes = Buffer.concat([bytes, chunk]);
        wake();
      },
      end: (): void => ended.resolve(),
      close: (): void => ended.resolve(),
      error: (): void => ended.resolve(),
    },
  };
  const socket = await Bun.connect(options as never);
  void ended.promise.then(() => wake());
  return {
    closed: ended.promise,
    async first(size) {
      let over = false;
      void ended.promise.then(() => (over = true));
      while (bytes.length < size && !over)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      return bytes.subarray(0, size);
    },
    write: (data) => void socket.write(data),
    shutdown: () => socket.shutdown(),
    close: () => void socket.end(),
  };
}
