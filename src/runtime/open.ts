/** The runtimes of this host by their names: our own and programs with runc's command line. */
import { SampanError } from "../base/errors.ts";
import { externalRuntime } from "./external/runtime.ts";
import { writeInitFile } from "./native/init-file.ts";
import { groupCounters } from "./native/pods.ts";
import { nativeRuntime } from "./native/runtime.ts";
import type { Runtime, RuntimeProgram, Runtimes } from "./runtime.ts";

export interface RuntimesOptions {
  /** Absolute: each runtime has its states in a folder of its name below it. */
  readonly root: string;
  /** By name, with runc's command line. */
  readonly externals: Readonly<Record<string, RuntimeProgram>>;
  readonly default: string;
  /** Absolute: the file that `init` writes, where programs may be executed (not below /run, which often is mounted noexec). */
  readonly init: string;
  /** A sentence for the log that is no error. */
  readonly warn: (text: string) => void;
}

/** Errors: `invalid_argument` for a default that there is not. */
export function openRuntimes(options: RuntimesOptions): Runtimes {
  const { root, externals, warn } = options;
  const all = new Map<string, Runtime>([["native", nativeRuntime({ root: `${root}/native`, warn })]]);
  for (const [name, program] of Object.entries(externals))
    all.set(name, externalRuntime({ ...program, name, root: `${root}/${name}` }));
  const names = [...all.keys()];
  const get = (name = options.default): Runtime => {
    const runtime = all.get(name);
    if (runtime) return runtime;
    throw new SampanError("invalid_argument", `cannot use runtime "${name}": wanted ${names.join(", ")}`);
  };
  get();
  let written: Promise<string> | undefined;
  const init = () => {
    written ??= writeInitFile(options.init).catch((error: unknown) => {
      written = undefined;
      throw error;
    });
    return written;
  };
  return { get, names, default: options.default, groupStats: groupCounters(), init };
}
