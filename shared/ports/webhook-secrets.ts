import type { ConvergeError } from '../base/errors.ts';
import type { WebhookHost } from '../config/config.ts';

/** The secret that a Git host signs its calls with, or why nobody knows it now: `SecretUnavailable` (retry). */
export type WebhookSecret =
  | { readonly kind: 'known'; readonly secret: string }
  | { readonly kind: 'unknown'; readonly error: ConvergeError };

export interface WebhookSecrets {
  /** Of each host that is configured. Throws `BadConfiguration` (refuse) where none is. */
  read(calledAt: Date): Promise<{
    readonly secrets: Readonly<Partial<Record<WebhookHost, WebhookSecret>>>;
    /** What kept those of now from being read, by this call: of a host whose secret was known before, that one stands. */
    readonly failures: readonly ConvergeError[];
  }>;
}
