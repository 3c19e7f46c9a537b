import type { Answered, Asked, Fault } from './proxy.ts';

/** Holds Cloud Storage's limit: one mutation a second of one object name. https://docs.cloud.google.com/storage/quotas */
export interface WriteLimit {
  /** The refusal of a request that comes too soon; undefined for any other. */
  refusalOf(asked: Asked): Fault | undefined;
  /** What was not done does not count. */
  note(answered: Answered, asked: Asked): void;
}

const second = 1000;

export function limitWrites(now: () => number = () => performance.now()): WriteLimit {
  const last = new Map<string, number>();
  return {
    refusalOf(asked) {
      const name = mutatedBy(asked);
      if (name === undefined) return undefined;
      if (now() - (last.get(name) ?? -second) < second) return { fault: 'answer', status: 429, body: tooSoon(name) };
      last.set(name, now());
      return undefined;
    },
    note({ status }, asked) {
      const name = mutatedBy(asked);
      if (name !== undefined && status >= 300) last.delete(name);
    },
  };
}

/** `family-state/environments/…` for what writes or deletes an object, and undefined for what does neither. */
export function mutatedBy({ method, path }: Pick<Asked, 'method' | 'path'>): string | undefined {
  const { pathname, searchParams } = new URL(path, 'http://storage');
  const [, bucket = '', object = ''] = /\/b\/([^/]+)\/o(?:\/(.*))?$/.exec(pathname) ?? [];
  const name = object === '' ? searchParams.get('name') : decodeURIComponent(object);
  return ['POST', 'PUT', 'PATCH', 'DELETE'].includes(method) && name !== null ? `${bucket}/${name}` : undefined;
}

/** As Cloud Storage words it. https://docs.cloud.google.com/storage/docs/json_api/v1/status-codes */
function tooSoon(name: string): string {
  const message = `The object ${name} exceeded the rate limit for object mutation operations (create, update, and delete). Please reduce your request rate.`;
  return JSON.stringify({
    error: { code: 429, message, errors: [{ message, domain: 'usageLimits', reason: 'rateLimitExceeded' }] },
  });
}
