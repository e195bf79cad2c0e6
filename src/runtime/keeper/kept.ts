/** A server's side of its keeper: the connections that it is given, and those that it accepts and hands over (protocol.ts). */
import type { Duplex } from "node:stream";
import { invalid } from "../../base/errors.ts";
import { descriptorDuplex } from "../../kernel/descriptor-duplex.ts";
import { descriptorBell } from "../../kernel/descriptor-bell.ts";
import { exists, remove, rename } from "../../kernel/files.ts";
import { setCloseOnExec } from "../../kernel/libc.ts";
import { acceptStream, sendDatagram } from "../../kernel/sockets.ts";
import { lockOf } from "./begin.ts";
import { words } from "./protocol.ts";

export interface Kept {
  /** The next server goes on with what has not been read. Sends it away at once: nothing of this process runs any more. */
  rest(watched: readonly number[]): never;
  /**
   * Ends the keeper too, as soon as this process has ended, unless somebody came meanwhile: then it gives false, and `connection` is called. `socket` is removed.
   */
  leave(socket: string): boolean;
}

export interface KeptOptions {
  /** The value of the flag that the keeper gave. */
  readonly places: string;
  /** Called for each connection; the number is the same for the next server. */
  readonly connection: (number: number, connection: Duplex) => void;
}

/** Milliseconds between two looks at the listening socket when the keeper was killed: nobody rings then. */
const alone = 100;

/** Errors: `invalid_argument` for places that no keeper gives. */
export async function openKept({ places, connection }: KeptOptions): Promise<Kept> {
  const { listener, bell, post, connections } = parsePlaces(places);
  for (const fd of [listener, bell, post, ...connections.values()]) setCloseOnExec(fd, true);
  let last = Math.max(0, ...connections.keys());
  let deserted = false;
  const tell = (word: keyof typeof words, number?: number, passed?: number): void => {
    if (deserted) return;
    try {
      sendDatagram(post, `${String.fromCharCode(words[word])}${number ?? ""}`, passed);
    } catch {
      // The keeper was killed: what it held is this process's alone from now on.
    }
  };
  const adopt = async (number: number, fd: number): Promise<void> => {
    const duplex = await descriptorDuplex(fd);
    duplex.once("close", () => tell("drop", number));
    connection(number, duplex);
  };
  /** Whether anybody was there. */
  const accept = (): boolean => {
    let any = false;
    for (let fd = acceptStream(listener); fd !== undefined; fd = acceptStream(listener)) {
      any = true;
      tell("keep", ++last, fd);
      const number = last;
      adopt(number, fd).catch(() => tell("drop", number));
    }
    tell("accepted");
    return any;
  };
  await descriptorBell(bell, {
    rung: accept,
    gone: () => {
      deserted = true;
      setInterval(accept, alone).unref();
    },
  });
  for (const [number, fd] of connections) await adopt(number, fd);
  return {
    rest(watched) {
      for (const pid of watched) tell("watch", pid);
      tell("rest");
      // At once, and without closing anything properly: a connection that is shut down is so for everybody who has it.
      process.kill(process.pid, "SIGKILL");
      throw new Error("unreachable");
    },
    leave(socket) {
      using lock = lockOf(socket, false);
      if (!lock) return false;
      // Away first, then the look: whoever finds the socket is heard.
      const away = `${socket}.away`;
      const there = exists(socket);
      if (there) rename(socket, away);
      if (accept()) {
        if (there) rename(away, socket);
        return false;
      }
      remove(away);
      tell("leave");
      return true;
    },
  };
}

function parsePlaces(places: string) {
  const [listener, bell, post, ...pairs] = places.split(",");
  const number = (text: string | undefined): number => {
    if (text !== undefined && /^\d{1,9}$/.test(text)) return Number(text);
    throw invalid(`cannot use descriptors "${places}": they are not what a keeper gives`);
  };
  const connections = new Map(
    pairs.map((pair) => {
      const [id, fd] = pair.split(":");
      return [number(id), number(fd)] as const;
    }),
  );
  return { listener: number(listener), bell: number(bell), post: number(post), connections };
}
