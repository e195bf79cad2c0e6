/** The CRI's numbers for signals and the names by which the engine knows them. Pure. */
import { invalid } from "../../../base/errors.ts";
import { Signal } from "../../../wire/cri/cri_pb.ts";

/** signal(7): other names of the same. */
const synonyms: Readonly<Record<string, string>> = { SIGCLD: "SIGCHLD", SIGIOT: "SIGABRT", SIGPOLL: "SIGIO" };

/** `SIGRTMINPLUS3` → `SIGRTMIN+3`. Undefined: the image's. Errors: `invalid_argument`. */
export function signalName(signal: Signal): string | undefined {
  if (signal === Signal.RUNTIME_DEFAULT) return undefined;
  const name = Object.entries(Signal).find(([, number]) => number === signal)?.[0];
  if (name === undefined)
    throw invalid(`cannot use stop signal ${String(signal)}: there is none of that number`);
  return (synonyms[name] ?? name).replace(/(?<=SIGRTM..)PLUS/, "+").replace(/(?<=SIGRTM..)MINUS/, "-");
}

/** Of what an image says, which may be a number or have no SIG in front; RUNTIME_DEFAULT for what is none. */
export function signalOf(name: string): Signal {
  const key = `SIG${name.toUpperCase().replace(/^SIG/, "")}`.replace("+", "PLUS").replace("-", "MINUS");
  const known: Readonly<Record<string, Signal>> = Signal;
  return Object.hasOwn(known, key) ? (known[key] ?? Signal.RUNTIME_DEFAULT) : Signal.RUNTIME_DEFAULT;
}
