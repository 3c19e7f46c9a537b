/** What the operator trusts in one repository: the texts of the files that the configuration names. */
export interface TrustRoot {
  readonly allowedSigners: string | undefined;
  readonly openpgpKeys: string | undefined;
}

/** The key: its fingerprint, or the id that the signature names. `why` follows "the key …". */
export type OpenpgpVerdict =
  | { readonly verdict: 'good'; readonly key: string }
  | { readonly verdict: 'bad'; readonly key: string; readonly why: string };

/**
 * Whether one of the armored public keys made the signature of the payload, and might. Keys that cannot be read allow
 * nothing.
 */
export type VerifyOpenpgp = (check: {
  armored: string;
  payload: Uint8Array;
  keys: string;
  now: Date;
}) => Promise<OpenpgpVerdict>;

export interface Signatures {
  /**
   * Undefined where the operator wants no signatures in that repository. Throws `SecretUnavailable` (retry) where a
   * file cannot be read.
   */
  trustRoot(repositoryClass: string): Promise<TrustRoot | undefined>;
  readonly verifyOpenpgp: VerifyOpenpgp;
  /** Why not every one of these armored public keys can be read, in words that follow "they". Undefined: each can. */
  problemOfOpenpgpKeys(keys: string): Promise<string | undefined>;
}
