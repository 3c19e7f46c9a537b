/** An object of a bucket as it is now. */
export interface StoredObject {
  readonly bucket: string;
  readonly name: string;
  /** Decimal digits; increases with every overwrite. */
  readonly generation: string;
  /** As stored. */
  readonly bytes: number;
  /**
   * How it is packed, where its uploader said so: it is read unpacked, and how many bytes that are shows at its end.
   */
  readonly contentEncoding?: string;
  /** When this generation was written, by Storage's clock. */
  readonly createdAt: Date;
  /** Custom metadata, keys as uploaded. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Buckets {
  /** The live object, or undefined where the bucket holds none of that name. A failed read throws. */
  find(object: { bucket: string; name: string }): Promise<StoredObject | undefined>;
  /** Every live object of a bucket. A failed read throws. */
  list(bucket: string): Promise<readonly StoredObject[]>;
  /** The bytes of exactly that generation, or undefined where it is no longer there. */
  read(object: { bucket: string; name: string; generation: string }): Promise<AsyncIterable<Uint8Array> | undefined>;
}

/** What CI does with a bucket; no function does. */
export interface Uploads {
  /** The live object with the MD5 of its content (base64), or undefined where the bucket holds none of that name. */
  find(object: {
    bucket: string;
    name: string;
  }): Promise<(StoredObject & { readonly md5: string | undefined }) | undefined>;
  /** Writes an object. `conflict` where the precondition does not hold. */
  write(upload: {
    bucket: string;
    name: string;
    content: Uint8Array;
    metadata: Readonly<Record<string, string>>;
    ifGeneration: Exclude<GenerationPrecondition, 'any'>;
  }): Promise<{ generation: string } | 'conflict'>;
}

/** What is known of an object of the state bucket, whatever it holds. */
export interface StateFacts {
  readonly generation: string;
  /**
   * When it was written, rounded up to the second, and when it was read, rounded down, both by Storage's clock: nothing
   * is older than that.
   */
  readonly writtenAt: Date;
  readonly readAt: Date;
}

/** One that is no JSON, or too large to be read, is there all the same: who writes next overwrites its generation. */
export type StateObject = StateFacts & ({ readonly value: unknown } | { readonly unreadable: string });

/** An object of the state bucket as a list of it tells. */
export interface ListedState {
  readonly path: string;
  readonly generation: string;
  /** Of its content. */
  readonly bytes: number;
  /** When that generation, or its metadata, was written, by Storage's clock. */
  readonly updatedAt: Date;
  /** What was written beside the content of that generation. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** `absent`: write only where nothing is; `any`: overwrite; otherwise only where that generation is still live. */
export type GenerationPrecondition = 'absent' | 'any' | { readonly generation: string };

export interface StateStore {
  /**
   * The JSON object at that path, or undefined where there is none. A failed read throws; content that nobody can read
   * is no failure. Stages read by `pipeline/common/read-state.ts`.
   */
  read(path: string): Promise<StateObject | undefined>;
  /** The generation of the object at that path, or undefined where there is none, without its content. */
  generationOf(path: string): Promise<string | undefined>;
  /**
   * Writes the value as JSON, with the metadata in the same request: a later write replaces both. `conflict` where the
   * precondition does not hold.
   */
  write(write: {
    path: string;
    value: unknown;
    ifGeneration: GenerationPrecondition;
    metadata?: Readonly<Record<string, string>>;
  }): Promise<{ generation: string } | 'conflict'>;
  /**
   * Every object that begins so, sorted by path: a request for each 1,000. A failed read throws.
   *
   * @param file only those of this name, in a folder directly below the prefix, which ends in `/`; `*` is any text
   */
  list(prefix: string, file?: string): Promise<readonly ListedState[]>;
  /**
   * Deletes that generation of an object: `conflict` where another one is live. Where there is none, nothing is to do.
   */
  delete(object: { path: string; generation: string }): Promise<'deleted' | 'conflict'>;
}

/** What people read of the state bucket. */
export interface Documents {
  /** Writes a text, whatever is there. Resolves with its `gs://` name. A failed write throws. */
  write(document: { path: string; text: string; type: string }): Promise<string>;
}
