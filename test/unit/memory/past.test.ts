import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { divergenceOf, wholeObjectDiff } from '../../../shared/drift/divergence.ts';
import { openIncident, withDiff } from '../../../shared/memory/incident.ts';
import { incidentsOf } from '../../../shared/memory/incidents.ts';
import { decodeMemory, emptyMemory, memorySchema, type Memory } from '../../../shared/memory/memory.ts';
import { divergenceFound, incidentTold } from '../../../shared/memory/transitions/divergence.ts';
import { convergenceTold, type Reached } from '../../../shared/memory/transitions/end.ts';
import { attemptAt, earlier, incidentOf, now, states } from './transitions/states.ts';

const minute = 60_000;
const day = 1440 * minute;
const at = (milliseconds: number): Date => new Date(Date.parse(earlier) + milliseconds);

function reached(digit: string): Reached {
  return {
    ...{ reached: 'revision', cluster: 'sandbox', namespace: 'acme', previous: undefined, desired: [] },
    ...{ left: [], pending: undefined, unwanted: undefined, health: { state: 'Healthy', unawaited: undefined } },
    converged: { ...attemptAt(digit), renderKey: digit },
  };
}

function drifts(memory: Memory, time: Date, { by = 'kubectl-set', name = 'web' } = {}): Memory {
  const id = { group: 'apps', kind: 'Deployment', namespace: 'acme', name };
  const object = wholeObjectDiff({ id, apiVersion: 'apps/v1', change: 'modified', message: '' });
  const objects = [{ ...object, fields: [{ path: '/spec/replicas', manager: by }] }];
  const divergence = divergenceOf({ reason: 'Drifted', revision: attemptAt('1').revision, objects });
  const found = openIncident({
    ...{ incidents: incidentsOf(memory), divergence, environment: 'master/shop' },
    ...{ now: time, convergedAfter: 15 * minute },
  });
  const told = { environment: 'shop', repository: 'master', cluster: 'sandbox', action: 'healing' } as const;
  const incident = found.told
    ? found
    : withDiff({ incident: found, divergence, ...told, policy: null, labels: {}, cause: null });
  return incidentTold(divergenceFound(memory, { attempted: attemptAt('1'), incident, now: time }));
}

const converges = (memory: Memory, time: Date, digit = '1'): Memory =>
  convergenceTold(memory, { reached: reached(digit), alerts: [], note: undefined, now: time });

describe('the past', () => {
  it('has what ended, by whom it was, and whether it was healed', () => {
    const after = converges(drifts(states.converged, at(0)), at(5 * minute));
    expect(after.past).toEqual({
      from: at(5 * minute).toISOString(),
      convergences: [],
      incidents: [
        {
          ...{ id: expect.any(String), reason: 'Drifted', subject: 'Deployment acme/web', times: 1, cause: null },
          ...{ since: at(0).toISOString(), until: at(5 * minute).toISOString(), revision: attemptAt('1').revision },
          ...{ summary: expect.stringContaining('web'), by: ['kubectl-set'], healed: true },
        },
      ],
    });
    expect(decodeMemory(JSON.parse(JSON.stringify(after)), { writtenAt: at(6 * minute) })?.past).toEqual(after.past);
  });

  it('counts what comes back soon after its end as one, and what comes later as another', () => {
    let memory: Memory = states.converged;
    for (const [begins, by] of [
      [0, 'kubectl-set'],
      [10, 'helm'],
      [600, 'kubectl-edit'],
    ] as const)
      memory = converges(drifts(memory, at(begins * minute), { by }), at((begins + 1) * minute));
    expect(memory.past?.incidents.map(({ since, until, times, by }) => [since, until, times, by])).toEqual([
      [at(0).toISOString(), at(11 * minute).toISOString(), 2, ['kubectl-set', 'helm']],
      [at(600 * minute).toISOString(), at(601 * minute).toISOString(), 1, ['kubectl-edit']],
    ]);
  });

  it('has how long a revision took from the first run for it, where it changed something', () => {
    const first = converges(states.converged, at(7 * minute), '2');
    expect(first.past?.convergences).toEqual([
      { revision: attemptAt('2').revision, at: at(7 * minute).toISOString(), seconds: 420 },
    ]);
    expect(converges(first, at(8 * minute), '2').past).toEqual(first.past);
  });

  it('begins with the memory of an environment that is new, and else with the first that is kept', () => {
    expect(converges(emptyMemory(at(0)), at(minute)).past?.from).toBe(at(0).toISOString());
    expect(converges(states.converged, at(minute), '2').past?.from).toBe(at(minute).toISOString());
  });

  it('names the commit that took a revision back', () => {
    const failed = incidentOf('Unhealthy');
    const [incident] = incidentsOf(drifts(states.converged, at(0)));
    const diff = incident?.diff && { ...incident.diff, rollback: { to: 'r', commit: 'c' } };
    const after = converges({ ...states.converged, incident: { ...failed, diff } }, at(minute), '2');
    expect(after.past?.incidents).toMatchObject([{ reason: 'Unhealthy', rollback: 'c', healed: false }]);
  });

  it('is bounded, and says since when all of it is there', () => {
    let memory: Memory = states.converged;
    for (let count = 0; count < 120; count++)
      memory = converges(drifts(memory, at(count * 60 * minute)), at((count * 60 + 1) * minute));
    expect(memory.past?.incidents).toHaveLength(100);
    expect(memory.past?.from).toBe(at((19 * 60 + 1) * minute).toISOString());
    memory = converges(drifts(memory, at(40 * day)), at(40 * day + minute));
    expect(memory.past?.incidents).toHaveLength(1);
    expect(memory.past?.from).toBe(at((119 * 60 + 1) * minute).toISOString());
  });

  it('is small, whatever the alerts held', () => {
    const long = 'x'.repeat(100_000);
    let memory: Memory = states.converged;
    for (let count = 0; count < 120; count++)
      memory = converges(
        drifts(memory, at(count * 60 * minute), { by: long, name: long }),
        at((count * 60 + 1) * minute),
      );
    expect(JSON.stringify(memory.past).length).toBeLessThan(120_000);
  });

  it('loses nothing of the time since it began, whatever came', () => {
    const steps = fc.array(
      fc.record({ after: fc.integer({ min: 1, max: 2 * 1440 }), lasts: fc.integer({ min: 1, max: 90 }) }),
      {
        maxLength: 60,
      },
    );
    fc.assert(
      fc.property(steps, (played) => {
        let memory: Memory = states.converged;
        let time = 0;
        const ends: number[] = [];
        for (const { after, lasts } of played) {
          time += after * minute;
          memory = drifts(memory, at(time));
          time += lasts * minute;
          memory = converges(memory, at(time));
          ends.push(at(time).getTime());
        }
        const { past } = memorySchema.parse(JSON.parse(JSON.stringify(memory)));
        const since = Date.parse(past?.from ?? at(0).toISOString());
        const counted = (past?.incidents ?? [])
          .filter(({ until }) => Date.parse(until) > since)
          .reduce((sum, { times }) => sum + times, 0);
        expect(counted).toBeGreaterThanOrEqual(ends.filter((end) => end > since).length);
      }),
      { numRuns: 300 },
    );
  });

  it('is forgotten with an environment that is removed', () => {
    const memory = drifts(states.converged, at(0));
    const removed = convergenceTold(memory, { reached: { reached: 'removal' }, alerts: [], note: undefined, now });
    expect(removed.past).toBeUndefined();
  });

  it('is not believed where it is yet to come', () => {
    const { past } = converges(drifts(states.converged, at(0)), at(minute));
    const [incident] = past?.incidents ?? [];
    const odd = { ...past, incidents: [incident, { ...incident, until: at(30 * day).toISOString() }] };
    const read = decodeMemory({ ...states.converged, past: odd }, { writtenAt: at(2 * minute) });
    expect(read?.past).toEqual(past);
  });
});
