import type { Memory } from '../../../memory/memory.ts';
import { unprovenSeen } from '../../../memory/transitions/objects.ts';
import type { ObservedState, Unproven } from './observed-state.ts';
import type { Run } from '../run/run.ts';

/** How many are named: a Service of thousands of endpoints has hundreds of slices. */
const named = 20;

/**
 * Remembers what carries the label of the set and is no member, for `status` to show. It is no divergence: controllers
 * copy labels, under new names at each roll-out.
 */
export async function rememberUnproven(run: Run, { unproven }: ObservedState): Promise<void> {
  const memory = run.memoryFile.memory();
  // What Git specifies is healed.
  const copies = [...unproven]
    .filter(([key]) => memory.objects[key] === undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const objects = copies.slice(0, named).map(([key, { standing }]) => ({ key, ...reasonOf(standing) }));
  const found: Memory['unproven'] = copies.length === 0 ? undefined : { count: copies.length, objects };
  if (JSON.stringify(memory.unproven) !== JSON.stringify(found))
    run.memoryFile.remember(unprovenSeen, { unproven: found });
}

function reasonOf(
  standing: Unproven['standing'],
): Pick<NonNullable<Memory['unproven']>['objects'][number], 'missing' | 'madeBy'> {
  switch (standing.standing) {
    case 'unproven':
      return { missing: standing.missing, ...(standing.madeBy === undefined ? {} : { madeBy: standing.madeBy }) };
    case 'foreign':
      return { missing: 'annotation', madeBy: standing.owner.title };
    case 'unmarked':
      return { missing: 'annotation' };
  }
}
