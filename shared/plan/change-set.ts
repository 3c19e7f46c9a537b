import type { ObjectId } from '../objects/object-id.ts';

/** What a run did to one object. */
export type Change =
  | { readonly id: ObjectId; readonly did: 'created' | 'configured' | 'unchanged' | 'pruned' | 'released' }
  /** `blocked`: not tried, because something that it needs failed. */
  | { readonly id: ObjectId; readonly did: 'skipped' | 'failed' | 'blocked'; readonly message: string };

export type FailedChange = Extract<Change, { message: string }>;

/** What failed, and what was not tried for it. */
export function failuresOf(changes: readonly Change[]): FailedChange[] {
  return changes.filter((change): change is FailedChange => change.did === 'failed' || change.did === 'blocked');
}

export interface ChangeCounts {
  readonly created: number;
  readonly configured: number;
  readonly unchanged: number;
  readonly pruned: number;
  /** What was given up and stays; absent where there is none. */
  readonly released?: number;
}

export function countChanges(changes: readonly Change[]): ChangeCounts {
  const count = (did: Change['did']) => changes.filter((change) => change.did === did).length;
  return {
    created: count('created'),
    configured: count('configured'),
    unchanged: count('unchanged'),
    pruned: count('pruned'),
    ...(count('released') === 0 ? {} : { released: count('released') }),
  };
}
