import { describe, expect, it } from 'vitest';
import type { Incident } from '../../../shared/memory/incident.ts';
import { emptyMemory, type Memory } from '../../../shared/memory/memory.ts';
import { memoryMetadata } from '../../../shared/memory/memory-metadata.ts';

const now = new Date('2026-11-21T01:00:00.000Z');
const revision = 'main@sha1:9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345';
const at = { commit: '9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345', revision, at: now.toISOString(), inputs: {} };
const incident: Incident = {
  ...{ id: '4be0d1a2c3f40516', since: at.at, occurrence: 1, reason: 'Drifted', revision },
  ...{ summary: 'Deployment acme/web: image differs', told: true },
};
const settled: Memory = {
  ...emptyMemory(now),
  ...{ attempted: at, converged: { ...at, renderKey: '00ff' }, health: 'Healthy' },
  objects: { '/ConfigMap/acme/a': { desired: 'd', observed: 'o', apiVersion: 'v1' } },
};

describe('what is written beside a memory', () => {
  it('tells how the environment stands', () => {
    expect(memoryMetadata({ ...settled, incident })).toEqual({
      version: '1',
      state: 'Diverged',
      since: '2026-11-21T01:00:00.000Z',
      health: 'Healthy',
      objects: '1',
      revision,
      incident: incident.id,
    });
  });

  it('tells what is to be noted in Git, but for a note that is long', () => {
    const notes = ['1', '2'].map((digit) => ({ commit: digit.repeat(40), text: 'acme converged' }));
    expect(memoryMetadata({ ...settled, notes })).toMatchObject({
      noted: '2'.repeat(40),
      notedBefore: '1'.repeat(40),
      note: 'acme converged',
    });
    const long = [{ commit: '1'.repeat(40), text: 'x'.repeat(513) }];
    expect(memoryMetadata({ ...settled, notes: long })).not.toHaveProperty('note');
  });

  it('names no revision before the first, and no incident that is closed', () => {
    expect(memoryMetadata({ ...emptyMemory(now), incident: { ...incident, closedAt: at.at } })).toEqual({
      version: '1',
      state: 'Unknown',
      since: '2026-11-21T01:00:00.000Z',
      health: 'Unknown',
      objects: '0',
    });
  });

  it('is of bounded length, whatever is remembered', () => {
    const long = 'x'.repeat(100_000);
    const metadata = memoryMetadata({
      ...settled,
      since: long,
      converged: { ...at, revision: long, renderKey: '' },
      incident: { ...incident, id: long },
    });
    expect(JSON.stringify(metadata).length).toBeLessThan(1_000);
  });
});
