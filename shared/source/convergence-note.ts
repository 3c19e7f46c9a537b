import type { Converged } from '../events/alert.ts';

/** What one line of a note says: one environment converged at the commit that the note is of. */
export interface ConvergenceNote {
  readonly environment: string;
  /** ISO 8601. */
  readonly at: string;
  readonly cluster: string;
  readonly seconds: number;
  readonly changes: Converged['changes'];
  /** The id of the `converged` event that told it. */
  readonly event: string;
  /** The incident that it closed, or null. */
  readonly incident: string | null;
}

/** The ref of the notes: `git log --notes=converge` shows them. */
export const notesRef = 'refs/notes/converge';

/** Points to the commit that an environment converged at last. Names of environments are safe in a ref. */
export function environmentRef(environment: string): string {
  return `refs/converge/${environment}`;
}

/**
 * `acme-production converged at=2026-11-21T01:02:05.000Z cluster=production-eu seconds=4.2 created=3 … event=4be0…`,
 * one line.
 */
export function formatConvergenceNote(note: ConvergenceNote): string {
  const { environment, at, cluster, seconds, changes, event, incident } = note;
  const { created, configured, unchanged, pruned } = changes;
  const facts = {
    at,
    cluster,
    seconds,
    created,
    configured,
    unchanged,
    pruned,
    event,
    ...(incident === null ? {} : { incident }),
  };
  return [environment, 'converged', ...Object.entries(facts).map(([key, value]) => `${key}=${value}`)].join(' ');
}

/** The lines of a note that we wrote, in their order; lines of others, and keys that are not known, are skipped. */
export function parseConvergenceNotes(text: string): ConvergenceNote[] {
  return text.split('\n').flatMap((line) => {
    const [environment = '', verb, ...words] = line.trim().split(' ');
    if (verb !== 'converged') return [];
    const facts = new Map(words.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]));
    const numberOf = (key: string): number => Number(facts.get(key) ?? Number.NaN);
    const changes = {
      created: numberOf('created'),
      configured: numberOf('configured'),
      unchanged: numberOf('unchanged'),
      pruned: numberOf('pruned'),
    };
    const [at, event, seconds] = [facts.get('at'), facts.get('event'), numberOf('seconds')];
    if (at === undefined || event === undefined || [seconds, ...Object.values(changes)].some(Number.isNaN)) return [];
    return [
      {
        environment,
        at,
        cluster: facts.get('cluster') ?? '',
        seconds,
        changes,
        event,
        incident: facts.get('incident') ?? null,
      },
    ];
  });
}
