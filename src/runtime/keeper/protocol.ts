/**
 * What is spoken between a keeper (launcher/keeper.c) and the server that it starts, once for TypeScript and C (tools/gen-operations.ts writes launcher/operations.h from it).
 *
 * The keeper holds a listening socket and the server's connections, so that a server that is killed, or that leaves because nobody needs it now, breaks none: the next one gets them. The server is
 * started with `-keeper` and `LISTENER,BELL,POST[,ID:FD …]`: descriptors that it inherits. `bell` is a stream: a byte says that somebody wants to connect. `post` is a SOCK_SEQPACKET socket; a message
 * is a letter and, for some, a number in decimal digits:
 *
 * - `keep`: comes with the descriptor of the connection that has the number from now on. `drop`: it has ended.
 * - `accepted`: all that wanted to connect were accepted: from the next one on the bell is rung again.
 * - `watch`: the process with this number is to wake the server when it ends, should there be none then.
 * - `rest`: the server is about to end, and is started again when somebody connects or sends something, or when a process that is watched has ended.
 * - `leave`: the server is about to end for good, and the keeper with it.
 */
export const words = { keep: 67, drop: 68, accepted: 65, watch: 87, rest: 82, leave: 76 } as const;

/** The first of the keeper's own arguments, in place of a plan. */
export const keeperMode = "keep";
/** The flag that the server is told its descriptors by. */
export const keeperFlag = "-keeper";
