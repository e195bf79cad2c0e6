/** Requests about queueing disciplines: a token bucket that holds a device's sending to a rate (tc-tbf(8), linux/pkt_sched.h). */
import {
  attribute,
  headerLength,
  nested,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  request,
  text,
  u32,
} from "./netlink-message.ts";

const RTM_NEWQDISC = 36;
const TC_H_ROOT = 0xffffffff;
const TCA = { KIND: 1, OPTIONS: 2 } as const;
const TCA_TBF = { PARMS: 1, RATE64: 4, BURST: 6 } as const;
const TC_LINKLAYER_ETHERNET = 1;
/** One tick of the packet scheduler is 64 ns. */
const ticksPerSecond = 15_625_000;
/** How long a packet may wait before it is dropped. */
const latencySeconds = 0.1;

/** Where the index of the device lies. */
export const queueIndexOffset = headerLength + 4;

/** `rate` in bytes a second. The bucket holds a hundredth of a second, and never less than one large packet with its offloads. */
export function limitRate(index: number, rate: number): Uint8Array {
  const burst = Math.max(65_536, Math.ceil(rate / 100));
  const body = new Uint8Array(20);
  const view = new DataView(body.buffer);
  view.setInt32(4, index, true);
  view.setUint32(12, TC_H_ROOT, true);
  // struct tc_tbf_qopt: tc_ratespec rate, tc_ratespec peakrate, limit, buffer, mtu.
  const options = new Uint8Array(36);
  const of = new DataView(options.buffer);
  of.setUint8(1, TC_LINKLAYER_ETHERNET);
  of.setUint32(8, Math.min(rate, 0xffffffff), true);
  of.setUint32(24, Math.min(0xffffffff, Math.ceil(rate * latencySeconds) + burst), true);
  of.setUint32(28, Math.min(0xffffffff, Math.round((burst / rate) * ticksPerSecond)), true);
  const attributes = [attribute(TCA_TBF.PARMS, options), attribute(TCA_TBF.BURST, u32(burst))];
  if (rate > 0xffffffff) {
    const wide = new Uint8Array(8);
    new DataView(wide.buffer).setBigUint64(0, BigInt(rate), true);
    attributes.push(attribute(TCA_TBF.RATE64, wide));
  }
  return request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, {
    body,
    attributes: [attribute(TCA.KIND, text("tbf")), nested(TCA.OPTIONS, ...attributes)],
  });
}
