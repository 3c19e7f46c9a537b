/** Somebody outside who hears from Converge each so often, and wakes people where it does not. */
export interface Heartbeat {
  /** Says that it is alive. Throws `SinkUnavailable` and `SecretUnavailable` (retry), `SinkRefused` (refuse). */
  beat(): Promise<void>;
}
