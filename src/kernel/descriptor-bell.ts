/** A connected stream socket that is there as a descriptor, of which only counts that something came. */

export interface Bell {
  readonly rung: () => void;
  /** The other end has closed. */
  readonly gone: () => void;
}

/** Takes the descriptor over. */
export async function descriptorBell(fd: number, { rung, gone }: Bell): Promise<void> {
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    gone();
  };
  const socket = { data: rung, end, close: end, error: end };
  await Bun.connect({ fd, allowHalfOpen: true, socket } as never);
}
