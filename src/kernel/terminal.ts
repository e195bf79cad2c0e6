/** Terminals, through bun:ffi: loaded only where a container gets one. */
import { dlopen, ptr } from "bun:ffi";

const TIOCGWINSZ = 0x5413;

function load() {
  const names = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];
  for (const name of names) {
    try {
      return dlopen(name, { ioctl: { args: ["i32", "i64", "ptr"], returns: "i32" } } as const).symbols;
    } catch (error) {
      if (name === names.at(-1)) throw error;
    }
  }
  throw new Error("unreachable");
}

/** Rows and columns of the terminal behind a descriptor; undefined when it is none, or has no size. */
export function windowSize(fd: number): { height: number; width: number } | undefined {
  const size = new Uint16Array(4);
  if (load().ioctl(fd, TIOCGWINSZ, ptr(size)) < 0) return undefined;
  const [height = 0, width = 0] = size;
  return height > 0 && width > 0 ? { height, width } : undefined;
}
