import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { divergenceOf, wholeObjectDiff } from '../../../shared/drift/divergence.ts';
import { diffReasons, type DiffReason } from '../../../shared/base/diff-reasons.ts';
import { isAnnounced, openIncident, withDiff, type Incident } from '../../../shared/memory/incident.ts';
import { incidentsOf, openIncidents, withIncident, withIncidents } from '../../../shared/memory/incidents.ts';
import { decodeMemory, emptyMemory, type Memory } from '../../../shared/memory/memory.ts';
import { convergenceTold, endingIncidents } from '../../../shared/memory/transitions/end.ts';
import { divergenceFound, incidentTold } from '../../../shared/memory/transitions/divergence.ts';
import { rollbackDone } from '../../../shared/memory/transitions/quarantine.ts';
import { attemptAt, diff, earlier, incidentOf, now, states } from './transitions/states.ts';

const listOf = (...incidents: readonly Incident[]): Memory => withIncidents(states.converged, incidents);
const closedAt = (minute: number): string => `2026-11-21T01:${String(minute).padStart(2, '0')}:00.000Z`;

describe('the incidents of a memory', () => {
  it('are one where the version before wrote it', () => {
    const incident = incidentOf('Failed');
    expect(incidentsOf({ ...states.converged, incident })).toEqual([incident]);
    expect(incidentsOf(states.converged)).toEqual([]);
  });

  it('are the gravest for the version before, and no list where there is no other', () => {
    expect(listOf(incidentOf('Failed'))).toEqual({ ...states.converged, incident: incidentOf('Failed') });
    const reasons = ['Drifted', 'Unhealthy', 'Blocked', 'Guarded', 'Failed'] as const;
    for (const count of [2, 3, 4, 5]) {
      const memory = listOf(...reasons.slice(0, count).map((reason) => incidentOf(reason, { id: reason })));
      expect(memory.incident?.reason).toBe(reasons[count - 1]);
      expect(decodeMemory(JSON.parse(JSON.stringify(memory)), { writtenAt: now })).toEqual(memory);
    }
  });

  it('are the gravest of what was found last', () => {
    const failed = incidentOf('Failed', { id: 'failed', passed: true });
    const drifted = incidentOf('Drifted', { id: 'drifted' });
    expect(listOf(failed, drifted).incident).toEqual(drifted);
    expect(openIncidents(listOf(failed, drifted))).toEqual([drifted, failed]);
  });

  it('are those that are open, and the last twenty that closed', () => {
    const closed = Array.from({ length: 25 }, (_, minute) =>
      incidentOf('Drifted', { id: `${minute}`, closedAt: closedAt(minute) }),
    );
    const memory = listOf(incidentOf('Failed', { id: 'open' }), ...closed);
    expect(incidentsOf(memory).map(({ id }) => id)).toEqual(['open', ...closed.slice(5).map(({ id }) => id)]);
    expect(listOf(...closed).incident?.id).toBe('24');
  });
});

describe('an alert', () => {
  it('is of the time at which it is told: of two of one occurrence, that tells the newer', () => {
    const first = incidentTold(listOf(incidentOf('Failed', { told: false, diff })), { now });
    expect(first.outbox).toMatchObject([{ topic: 'diff', time: now.toISOString(), data: { since: earlier } }]);
  });
});

describe('a rollback', () => {
  it('is told with the failure that waits for it, and not with what was open beside', () => {
    const guarded = incidentOf('Guarded', { id: 'guarded' });
    const failure = incidentOf('Unhealthy', { id: 'unhealthy', told: false, diff });
    const after = rollbackDone(listOf(guarded, failure), { quarantine: undefined, rollback: null, note: 'no way' });
    expect(incidentsOf(after)).toMatchObject([{ summary: 'it is so' }, { summary: 'it is so; no way', told: false }]);
  });
});

const objects = ['api', 'colors', 'web'] as const;
type Step =
  | { readonly step: 'finds'; readonly reason: DiffReason; readonly of: readonly string[]; readonly tells: boolean }
  | { readonly step: 'commits' | 'converges' | 'loses its memory' };
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    step: fc.constant('finds' as const),
    reason: fc.constantFrom(...diffReasons),
    of: fc.uniqueArray(fc.constantFrom(...objects)),
    tells: fc.boolean(),
  }),
  fc.record({ step: fc.constantFrom('commits' as const, 'converges' as const, 'loses its memory' as const) }),
);

/** What was told, in order: which incident opens or ends. */
function play(played: readonly Step[]): readonly string[] {
  let memory = emptyMemory(new Date(earlier));
  let revision = 1;
  let minute = 0;
  const heard: string[] = [];
  for (const step of [...played, { step: 'converges' } as const]) {
    const at = new Date(Date.parse(earlier) + ++minute * 60_000);
    const environment = 'master/shop';
    switch (step.step) {
      case 'commits':
        revision = (revision % 4) + 1;
        break;
      case 'loses its memory':
        // The lease has those that were told.
        memory = withIncidents(
          emptyMemory(at),
          openIncidents(memory).filter((incident) => isAnnounced(incident)),
        );
        break;
      case 'finds': {
        const divergence = divergenceOf({
          reason: step.reason,
          revision: `main@sha1:${revision}`,
          objects: step.of.map((name) =>
            wholeObjectDiff({
              id: { group: '', kind: 'X', namespace: undefined, name },
              apiVersion: 'v1',
              change: 'modified',
              message: '',
            }),
          ),
        });
        const incidents = incidentsOf(memory);
        const found = openIncident({ incidents, divergence, environment, now: at, convergedAfter: 300_000 });
        const named = { environment: 'shop', repository: 'master', cluster: 'sandbox', action: 'none' } as const;
        const incident =
          step.tells && !found.told
            ? withDiff({ incident: found, divergence, ...named, policy: null, cause: null })
            : found;
        memory = incidentTold(divergenceFound(memory, { attempted: attemptAt('1'), incident, now: at }));
        break;
      }
      case 'converges': {
        const reached = { reached: 'removal' } as const;
        const ending = endingIncidents(memory, { reached, now: at }).filter(isAnnounced);
        heard.push(...ending.map(({ id, occurrence, since }) => `ends ${id} ${occurrence} ${since}`));
        memory = convergenceTold(memory, { reached, alerts: [], note: undefined, now: at });
      }
    }
    for (const alert of memory.outbox ?? [])
      if (alert.topic === 'diff')
        heard.push(`opens ${alert.data.incident} ${alert.data.occurrence} ${alert.data.since}`);
    memory = { ...memory, outbox: undefined };
  }
  return heard;
}

describe('whatever is found, told, committed and lost', () => {
  it('ends each incident that was told exactly once', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 20 }), (played) => {
        const heard = play(played);
        const opened = new Set(heard.flatMap((said) => (said.startsWith('opens ') ? [said.slice(6)] : [])));
        const ended = heard.flatMap((said) => (said.startsWith('ends ') ? [said.slice(5)] : []));
        expect(ended.toSorted()).toEqual([...opened].sort());
      }),
      { numRuns: 2_000 },
    );
  });

  it('has no two open ones of one id', () => {
    const one = incidentOf('Failed');
    const memory = withIncident(listOf(one), { ...one, summary: 'otherwise' });
    expect(incidentsOf(memory)).toMatchObject([{ summary: 'otherwise' }]);
    expect(
      convergenceTold(memory, { reached: { reached: 'removal' }, alerts: [], note: undefined, now }).incident,
    ).toMatchObject({
      closedAt: now.toISOString(),
    });
  });
});
