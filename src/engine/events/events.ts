/**
 * What has happened, for whoever listens: typed, in this process. The last ones are kept in memory for `since`; nothing here is a fact that anything depends on.
 * Names of types, actions and attributes are Docker's.
 */
export type EventType = "container" | "image" | "network" | "volume" | "daemon";

export interface EngineEvent {
  readonly type: EventType;
  /** `create`, `start`, `die`, `exec_create: sh`, `health_status: healthy`, `pull` … */
  readonly action: string;
  /** Of what it happened to. */
  readonly id: string;
  /** `name`, `image`, `exitCode`, `signal`, a container's labels … */
  readonly attributes: Readonly<Record<string, string>>;
  /** Nanoseconds since 1970; rising, so that two never have the same. */
  readonly time: bigint;
}

export interface Events {
  emit(event: Omit<EngineEvent, "time">): void;
  /** Those of the past from `since` on (nanoseconds), then those that come, until `signal`. A listener that is 10,000 events behind loses the oldest. */
  follow(options: { readonly since?: bigint; readonly signal: AbortSignal }): AsyncIterable<EngineEvent>;
  /** Those kept in memory, oldest first: at most 1,024. */
  past(): readonly EngineEvent[];
}
