import { describe, expect, it } from 'vitest';
import {
  formatConvergenceNote,
  parseConvergenceNotes,
  type ConvergenceNote,
} from '../../../shared/source/convergence-note.ts';

const note: ConvergenceNote = {
  environment: 'acme-production',
  at: '2026-11-21T01:02:05.000Z',
  cluster: 'production-eu',
  seconds: 4.2,
  changes: { created: 3, configured: 1, unchanged: 49, pruned: 0 },
  event: '4be0d1a2c3f405164be0d1a2c3f40516',
  incident: null,
};

describe('the note of a commit', () => {
  it('is a line that reads as it parses', () => {
    const text = formatConvergenceNote(note);
    expect(text).toBe(
      'acme-production converged at=2026-11-21T01:02:05.000Z cluster=production-eu seconds=4.2 created=3 configured=1 unchanged=49 pruned=0 event=4be0d1a2c3f405164be0d1a2c3f40516',
    );
    expect(parseConvergenceNotes(text)).toEqual([note]);
  });

  it('names the incident that it closed', () => {
    const closing = { ...note, incident: '4be0d1a2c3f40516' };
    expect(parseConvergenceNotes(formatConvergenceNote(closing))).toEqual([closing]);
  });

  it('keeps the lines of others out, and takes what a later version adds', () => {
    const text = [
      'Reviewed-by: Ada',
      '',
      `${formatConvergenceNote(note)} colour=green`,
      '',
      'acme converged at=now',
      'acme failed at=now',
      '',
    ].join('\n');
    expect(parseConvergenceNotes(text)).toEqual([note]);
  });
});
