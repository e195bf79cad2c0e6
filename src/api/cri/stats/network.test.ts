import { expect, test } from "bun:test";
import { parseDevices, shownOf } from "./network.ts";

const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0: 1000 10 1 2    0     0          0         0 2000 20 3 4    0     0       0          0
net1.5:12345678901 5 0 0 0 0 0 0 1 1 0 0 0 0 0 0
`;

test("every device but the loopback has its counters", () => {
  expect(parseDevices(text)).toEqual([
    {
      name: "eth0",
      rxBytes: 1000,
      rxPackets: 10,
      rxErrors: 1,
      rxDropped: 2,
      txBytes: 2000,
      txPackets: 20,
      txErrors: 3,
      txDropped: 4,
    },
    expect.objectContaining({ name: "net1.5", rxBytes: 12_345_678_901, txBytes: 1 }),
  ]);
  expect(parseDevices("")).toEqual([]);
});

test("the default device is first, and of very many only some are told", () => {
  const [eth0, other] = parseDevices(text);
  if (!eth0 || !other) throw new TypeError("no devices");
  const many = Array.from({ length: 5000 }, (_, number) => ({ ...other, name: `d${number}` }));
  const shown = shownOf([...many, eth0]);
  expect(shown).toHaveLength(64);
  expect(shown[0]?.name).toBe("eth0");
});
