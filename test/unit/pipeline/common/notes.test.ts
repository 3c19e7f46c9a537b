import { describe, expect, it } from 'vitest';
import { convergencesAt } from '../../../../shared/pipeline/common/notes.ts';
import { formatConvergenceNote, parseConvergenceNotes } from '../../../../shared/source/convergence-note.ts';
import { commitId } from '../ports.ts';

const lineOf = (environment: string, event: string): string =>
  formatConvergenceNote({
    ...{ environment, at: '2026-11-21T01:02:03.000Z', cluster: 'sandbox', seconds: 1, event, incident: null },
    changes: { created: 1, configured: 0, unchanged: 0, pruned: 0 },
  });

describe('when an environment converged at a commit', () => {
  const read = async (commit: string, notes: readonly { commit: string; text: string }[], written: string) => {
    const inGit = { read: async () => parseConvergenceNotes(written) };
    const all = await convergencesAt(commit, { environment: 'acme', memory: { notes: [...notes] }, notes: inGit });
    return all.map(({ event }) => event);
  };

  it('is known from the memory until it is in Git, and once', async () => {
    const [a, b] = [commitId('a'), commitId('b')];
    const notes = [
      { commit: a, text: lineOf('acme', 'one') },
      { commit: b, text: lineOf('acme', 'two') },
    ];
    expect(await read(b, notes, '')).toEqual(['two']);
    expect(await read(b, notes, lineOf('acme', 'two'))).toEqual(['two']);
    expect(await read(a, notes, `${lineOf('globex', 'zero')}\n\n${lineOf('acme', 'early')}`)).toEqual(['early', 'one']);
  });
});
