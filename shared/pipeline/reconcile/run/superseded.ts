import type { Target } from './target.ts';

/**
 * Whether the branch moved on, so that what is under way is done in vain. Git is asked only where a look was asked for.
 */
export async function isSuperseded({ run, commit }: Pick<Target, 'run' | 'commit'>): Promise<boolean> {
  return (await run.isAskedAgain()) && (await run.ports.repository(run.repository).head()) !== commit.id;
}
