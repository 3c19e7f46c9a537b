import type { Target } from './target.ts';

/** Whether the branch moved on, so that what is under way is done in vain. */
export async function isSuperseded({ run }: Pick<Target, 'run'>): Promise<boolean> {
  return await run.isSuperseded();
}
