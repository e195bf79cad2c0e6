/** A program's terminal has the size of this one, and its signals are passed on. */
import type { Io } from "../io.ts";

type Resize = (size: { rows: number; columns: number }) => Promise<void>;

/** Now, and at each change. A resize that fails is no matter: the program may have ended, or not begun. */
export function followSize(io: Pick<Io, "out" | "onResize">, resize: Resize): Disposable {
  const tell = () => {
    const size = io.out.size();
    if (size) resize(size).catch(() => {});
  };
  tell();
  return io.onResize(tell);
}

/** Signals go to `send`; one that cannot be sent is no matter, for the same reason. */
export function passSignals(io: Pick<Io, "onSignal">, send: (signal: string) => Promise<void>): Disposable {
  return io.onSignal((name) => void send(name).catch(() => {}));
}
