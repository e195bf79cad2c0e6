/** In a network namespace of its own: a link that stands, packets that vanish without a word, and the link that comes back. Prints what happened as JSON. */
import { systemClock } from "../../../src/base/clock.ts";
import { openLink } from "../../../src/fleet/edge/hub/open.ts";
import { fakeCloud, testAuthority } from "./fake-cloud.ts";

const authority = await testAuthority();
const keys = await authority.node("edge1");
await using cloud = await fakeCloud({ authority });
const { promise: stood, resolve: stands } = Promise.withResolvers<number>();
const { promise: fell, resolve: falls } = Promise.withResolvers<number>();
const { promise: came, resolve: back } = Promise.withResolvers<number>();
const { promise: unreached, resolve: reachesNobody } = Promise.withResolvers<void>();
await using link = await openLink({
  node: "edge1",
  addresses: [cloud.address],
  keys: { current: () => keys },
  clock: systemClock(),
  log: (text) => {
    console.error(text);
    if (text.includes("it does not answer")) reachesNobody();
  },
  signal: new AbortController().signal,
  // An attempt that reaches nobody ends long before one whose cloud is slow.
  times: { dial: 60_000, reach: 500, most: 500 },
});
let changes = 0;
using _watch = link.onChange((connected) => {
  changes += 1;
  if (connected && changes > 3) back(performance.now());
  else if (connected) stands(performance.now());
  else if (changes > 1) falls(performance.now());
});
await stood;
const session = await cloud.session();
// Idle, until it has asked whether the cloud is there.
while (session.pings === 0) await new Promise((resolve) => setTimeout(resolve, 20));
nft(
  `table inet cut { chain in { type filter hook input priority 0; tcp sport ${cloud.port} drop; tcp dport ${cloud.port} drop; }; }`,
);
const cut = performance.now();
const fallen = await fell;
await unreached;
nft("delete table inet cut");
const mended = performance.now();
const returned = await came;
console.log(JSON.stringify({ noticed: Math.round(fallen - cut), back: Math.round(returned - mended) }));
process.exit(0);

function nft(text: string): void {
  const { exitCode, stderr } = Bun.spawnSync(["nft", "-f", "-"], { stdin: Buffer.from(text) });
  if (exitCode !== 0) throw new Error(stderr.toString());
}
