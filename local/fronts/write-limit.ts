import { mutatedBy } from './storage-request.ts';

/** A request for an object, with its query. */
export interface Asked {
  readonly method: string;
  readonly path: string;
}

/** What Cloud Storage answers in its JSON. */
export interface StorageAnswer {
  readonly status: number;
  readonly body: string;
}

/** Holds Cloud Storage's limit: one mutation a second of one object name. https://docs.cloud.google.com/storage/quotas */
export interface WriteLimit {
  /** The refusal of a request that comes too soon; undefined for any other. */
  refusalOf(asked: Asked): StorageAnswer | undefined;
  /** What was not done does not count. */
  note(answered: { readonly status: number }, asked: Asked): void;
}

const second = 1000;

export function limitWrites(now: () => number = () => performance.now()): WriteLimit {
  const last = new Map<string, number>();
  return {
    refusalOf(asked) {
      const name = mutatedBy(asked);
      if (name === undefined) return undefined;
      if (now() - (last.get(name) ?? -second) < second) return tooSoon(name);
      last.set(name, now());
      return undefined;
    },
    note({ status }, asked) {
      const name = mutatedBy(asked);
      if (name !== undefined && status >= 300) last.delete(name);
    },
  };
}

/** As Cloud Storage words it. https://docs.cloud.google.com/storage/docs/json_api/v1/status-codes */
function tooSoon(name: string): StorageAnswer {
  const message = `The object ${name} exceeded the rate limit for object mutation operations (create, update, and delete). Please reduce your request rate.`;
  return storageError({ status: 429, message, domain: 'usageLimits', reason: 'rateLimitExceeded' });
}

/** An error in the words and the shape of the JSON API. */
export function storageError({
  status,
  message,
  ...what
}: {
  status: number;
  message: string;
  domain: string;
  reason: string;
}): StorageAnswer {
  return { status, body: JSON.stringify({ error: { code: status, message, errors: [{ message, ...what }] } }) };
}
