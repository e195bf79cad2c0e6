/** The columns of `kubectl get pods`. https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ says what the words of STATUS mean. */
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import { age } from "../fields/age.ts";
import { namedTable } from "../fields/columns.ts";
import { at, entries, number, text, type Fields } from "../fields/read.ts";

const none = "<none>";

export const podTable = namedTable([
  {
    name: "Ready",
    description: "How many of its containers are ready.",
    cell: (pod) => {
      const { ready, total } = stateOf(pod);
      return `${ready}/${total}`;
    },
  },
  { name: "Status", description: "What it does, or why it does not.", cell: (pod) => stateOf(pod).word },
  {
    name: "Restarts",
    description: "How often its containers were started again, and when last.",
    cell: (pod, now) => {
      const { restarts, last } = stateOf(pod);
      return restarts > 0 && last !== "" ? `${restarts} (${age(last, now)} ago)` : String(restarts);
    },
  },
  {
    name: "IP",
    wide: true,
    description: "Its address.",
    cell: ({ status }) => text(entries(at(status).podIPs)[0]?.ip) || text(at(status).podIP) || none,
  },
  {
    name: "Node",
    wide: true,
    description: "Where it runs.",
    cell: ({ spec }) => text(at(spec).nodeName) || none,
  },
  {
    name: "Nominated Node",
    wide: true,
    description: "Where room is being made for it.",
    cell: ({ status }) => text(at(status).nominatedNodeName) || none,
  },
  {
    name: "Readiness Gates",
    wide: true,
    description: "How many of its own conditions are met.",
    cell: ({ spec, status }) => {
      const gates = entries(at(spec).readinessGates);
      const met = gates.filter(({ conditionType }) => isTrue(at(status), text(conditionType)));
      return gates.length === 0 ? none : `${met.length}/${gates.length}`;
    },
  },
]);

interface PodState {
  readonly word: string;
  readonly ready: number;
  readonly total: number;
  readonly restarts: number;
  /** When a container was last started again; "" when unknown. */
  readonly last: string;
}

/** READY, STATUS and RESTARTS in one look. */
export function stateOf(pod: KubeObject): PodState {
  const spec = at(pod.spec);
  const status = at(pod.status);
  const sidecars = entries(spec.initContainers).filter(isSidecar);
  const inits = initState(spec, status);
  const initialized = inits.word === undefined || isTrue(status, "Initialized");
  const main = mainState(status);
  const word = initialized
    ? (main.word ?? inits.word ?? phaseWord(status))
    : (inits.word ?? phaseWord(status));
  const counted = initialized ? [...inits.sidecars, ...main.statuses] : inits.statuses;
  return {
    word: ended(pod, status) ?? (word === "Completed" && main.running ? runningWord(status) : word),
    ready: inits.ready + (initialized ? main.ready : 0),
    total: entries(spec.containers).length + sidecars.length,
    restarts: counted.reduce((sum, { restartCount }) => sum + number(restartCount), 0),
    last: counted.map((each) => text(at(each, "lastState", "terminated").finishedAt)).reduce(later, ""),
  };
}

const later = (a: string, b: string): string => (a > b ? a : b);
const isSidecar = ({ restartPolicy }: Fields): boolean => restartPolicy === "Always";
const runningWord = (status: Fields): string => (isTrue(status, "Ready") ? "Running" : "NotReady");

function phaseWord(status: Fields): string {
  const scheduled = entries(status.conditions).find(({ type }) => type === "PodScheduled");
  if (scheduled?.reason === "SchedulingGated") return "SchedulingGated";
  return text(status.reason) || text(status.phase);
}

function ended({ metadata }: KubeObject, status: Fields): string | undefined {
  if (metadata.deletionTimestamp === undefined) return undefined;
  if (status.reason === "NodeLost") return "Unknown";
  return ["Succeeded", "Failed"].includes(text(status.phase)) ? undefined : "Terminating";
}

function isTrue(status: Fields, condition: string): boolean {
  return entries(status.conditions).some((each) => each.type === condition && each.status === "True");
}

interface InitState {
  /** The first init container that is not done yet; undefined when all are. */
  readonly word: string | undefined;
  readonly ready: number;
  readonly statuses: readonly Fields[];
  readonly sidecars: readonly Fields[];
}

function initState(spec: Fields, status: Fields): InitState {
  const containers = entries(spec.initContainers);
  const statuses = entries(status.initContainerStatuses);
  const restartable = new Set(containers.filter(isSidecar).map(({ name }) => name));
  const sidecars = statuses.filter(({ name }) => restartable.has(name));
  let ready = 0;
  for (const [index, each] of statuses.entries()) {
    const { terminated, waiting } = at(each.state);
    if (terminated && number(at(terminated).exitCode, -1) === 0) continue;
    if (restartable.has(each.name) && each.started === true) {
      if (each.ready === true) ready += 1;
      continue;
    }
    const why = terminated ? endWord(at(terminated)) : text(at(waiting).reason);
    const word = why === "" || why === "PodInitializing" ? `${index}/${containers.length}` : why;
    return { word: `Init:${word}`, ready, statuses, sidecars };
  }
  return { word: undefined, ready, statuses, sidecars };
}

function mainState(status: Fields): {
  readonly word: string | undefined;
  readonly ready: number;
  readonly running: boolean;
  readonly statuses: readonly Fields[];
} {
  const statuses = entries(status.containerStatuses);
  let word: string | undefined;
  let ready = 0;
  // The first container's word wins, so the last one speaks first.
  for (const each of [...statuses].reverse()) {
    const { waiting, terminated, running } = at(each.state);
    if (text(at(waiting).reason) !== "") word = text(at(waiting).reason);
    else if (terminated) word = endWord(at(terminated));
    else if (each.ready === true && running) ready += 1;
  }
  return { word, ready, running: ready > 0, statuses };
}

function endWord(terminated: Fields): string {
  if (text(terminated.reason) !== "") return text(terminated.reason);
  const signal = number(terminated.signal);
  return signal === 0 ? `ExitCode:${number(terminated.exitCode)}` : `Signal:${signal}`;
}
