/** Which of the changes that no sync covers are left after a cut: a few telling ways, then random ones from a seed. */
import type { Choice, Model } from "./crash.ts";

const all = Number.POSITIVE_INFINITY;

/** Nothing, everything, and the halves that damage most: names without bytes, bytes without names. */
const telling: readonly Choice[] = [
  { name: "all lost", names: () => false, attributes: () => false, block: () => 0, size: () => 0 },
  { name: "all kept", names: () => true, attributes: () => true, block: () => all, size: () => all },
  { name: "files empty", names: () => true, attributes: () => true, block: () => 0, size: () => 0 },
  { name: "files full of zeros", names: () => true, attributes: () => true, block: () => 0, size: () => all },
  { name: "names lost", names: () => false, attributes: () => true, block: () => all, size: () => all },
  { name: "attributes lost", names: () => true, attributes: () => false, block: () => all, size: () => all },
];

/** Everything but one operation, or nothing but one. */
function single(kept: boolean, operation: number): Choice {
  const here = (position: number) => (position === operation) === kept;
  const limit = kept ? operation + 1 : operation;
  return {
    name: kept ? `all lost but operation ${operation}` : `only operation ${operation} lost`,
    names: here,
    attributes: here,
    block: () => (kept ? 0 : limit),
    size: () => (kept ? 0 : limit),
  };
}

/** The last write has reached the disk in part. */
function torn(operation: number, bytes: number): Choice {
  return {
    ...(telling[1] as Choice),
    name: `operation ${operation} torn after ${bytes} bytes`,
    torn: { operation, bytes },
  };
}

/** A number in [0, 1) from what it is asked for: the same question always gets the same answer. */
function chance(seed: number, ...words: readonly (number | string)[]): number {
  return Number(Bun.hash(words.join(" "), BigInt(seed)) % 1_000_003n) / 1_000_003;
}

/** Each change by itself, more or fewer of them kept. */
function random(seed: number, pending: readonly number[]): Choice {
  const share = (what: string) => [0.1, 0.5, 0.9, 1][Math.floor(chance(seed, what) * 4)] ?? 0.5;
  const [names, attributes, bytes, sizes] = [
    share("names"),
    share("attributes"),
    share("bytes"),
    share("sizes"),
  ];
  const limit = (part: number, ...words: readonly (number | string)[]) => {
    const at = chance(seed, ...words);
    if (at < part) return all;
    return pending[Math.floor(((at - part) / (1 - part)) * pending.length)] ?? 0;
  };
  return {
    name: `random ${seed}`,
    names: (operation) => chance(seed, "name", operation) < names,
    attributes: (operation, inode) => chance(seed, "attribute", operation, inode) < attributes,
    block: (inode, block) => limit(bytes, "block", inode, block),
    size: (inode) => limit(sizes, "size", inode),
  };
}

/** The journal of ext4: names, attributes and lengths are there up to one operation and not beyond it. */
function journalled(choice: Choice, until: number): Choice {
  const early = (operation: number) => operation < until;
  return {
    ...choice,
    name: `${choice.name}, journal until operation ${until}`,
    names: early,
    attributes: early,
    size: () => until,
  };
}

export interface ChoiceOptions {
  readonly model: Model;
  readonly seed: number;
  /** How many random ones. */
  readonly random: number;
}

/** For a cut after `position` operations of which `pending` could be lost. */
export function choicesFor(pending: readonly number[], position: number, options: ChoiceOptions): Choice[] {
  if (pending.length === 0) return [telling[0] as Choice];
  const seeds = Array.from(
    { length: options.random },
    (_, index) => options.seed * 1_000_003 + position * 1009 + index,
  );
  const last = pending.at(-1) as number;
  const first = [...telling, torn(last, 512), torn(last, 2048)];
  const rest = seeds.map((seed, index) => {
    const one = pending[Math.floor(chance(seed, "one") * pending.length)] as number;
    return index % 3 === 0 ? single(index % 2 === 0, one) : random(seed, pending);
  });
  const choices = [...first, ...rest];
  if (options.model === "posix") return choices;
  return choices.map((choice, index) => {
    if (choice.name === "all lost") return choice;
    const until =
      pending[Math.floor(chance(options.seed + index, "journal", position) * (pending.length + 1))] ?? all;
    return journalled(choice, index < telling.length ? all : until);
  });
}
