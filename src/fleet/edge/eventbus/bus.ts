/**
 * The contract of EventBus towards the parts of an edge: the MQTT broker of this node, inside of this process, or one that is there already, or both. What local clients publish to topics of devices
 * and of this node goes to the one who takes device messages; what they publish to topics of users and of rules goes to the cloud.
 */
export interface LocalMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** Who published it, for fairness: the client's id, or the broker's address when that is all that is known. */
  readonly from: string;
}

/** Resolves when the message is dealt with: until then its publisher is not read further, and a QoS 1 or 2 message is not acknowledged. Must not throw. */
export type DeviceHandler = (message: LocalMessage) => Promise<void> | void;

export interface EventBus {
  /** To all local clients that have subscribed to it; never comes back by `takeDevices` nor goes to the cloud. */
  publish(topic: string, payload: string | Uint8Array): void;
  /** Takes all below `$hw/events/device/` and `$hw/events/node/`; one at a time. What comes before there is one is dropped. */
  takeDevices(handler: DeviceHandler): Disposable;
}
