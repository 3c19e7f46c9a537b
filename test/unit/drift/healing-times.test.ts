import { describe, expect, it } from 'vitest';
import type { Divergence } from '../../../shared/drift/divergence.ts';
import { isDue, mayHeal, openIncident, withDiff, type Incident } from '../../../shared/memory/incident.ts';

const start = new Date('2026-11-21T01:00:00Z');
const minute = 60_000;
const divergence: Divergence = {
  reason: 'Drifted',
  revision: 'main@sha1:9f2c',
  summary: 'ConfigMap acme/settings: currency differs',
  objects: [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      namespace: 'acme',
      name: 'settings',
      change: 'modified',
      message: 'currency differs',
      fields: [{ path: '/data/currency', desired: 'EUR', observed: 'USD' }],
    },
  ],
};

/**
 * What a look every minute does with drift that lasts until it is healed: the minutes in which it is told (as what) and
 * healed.
 */
function play({
  healAfter,
  diffAfter,
  selfHeal = true,
}: {
  healAfter: number;
  diffAfter: number;
  selfHeal?: boolean;
}): string[] {
  let last: Incident | undefined;
  const happened: string[] = [];
  for (let at = 0; at <= 12; at++) {
    const now = new Date(start.getTime() + at * minute);
    const incident = openIncident({
      incidents: last === undefined ? [] : [last],
      divergence,
      environment: 'master/acme',
      now,
      convergedAfter: 15 * minute,
    });
    const healing = selfHeal && mayHeal({ incident, now, healAfter: healAfter * minute });
    last = incident;
    if (isDue({ incident, healing, now, diffAfter: diffAfter * minute })) {
      const { diff } = withDiff({
        cause: null,
        incident,
        divergence,
        environment: 'acme',
        repository: 'master',
        cluster: 'eu',
        policy: null,
        action: healing ? 'healing' : 'none',
      });
      happened.push(`${at}: diff ${diff?.action ?? ''}`);
      last = { ...incident, diff, told: true };
    }
    if (healing) return [...happened, `${at}: healed`];
  }
  return happened;
}

describe('drift is told and healed, by healAfter and diffAfter in minutes', () => {
  it.each([
    { healAfter: 0, diffAfter: 5, happens: ['0: diff healing', '0: healed'] },
    { healAfter: 0, diffAfter: 0, happens: ['0: diff healing', '0: healed'] },
    { healAfter: 3, diffAfter: 5, happens: ['3: diff healing', '3: healed'] },
    { healAfter: 5, diffAfter: 5, happens: ['5: diff healing', '5: healed'] },
    { healAfter: 8, diffAfter: 5, happens: ['5: diff none', '8: healed'] },
    { healAfter: 8, diffAfter: 0, happens: ['0: diff none', '8: healed'] },
    { healAfter: 60, diffAfter: 5, happens: ['5: diff none'] },
    { healAfter: 60, diffAfter: 60, happens: [] },
    { healAfter: 0, diffAfter: 5, selfHeal: false, happens: ['5: diff none'] },
    { healAfter: 0, diffAfter: 0, selfHeal: false, happens: ['0: diff none'] },
  ])('healAfter $healAfter, diffAfter $diffAfter, selfHeal $selfHeal', ({ happens, ...times }) => {
    expect(play(times)).toEqual(happens);
  });
});
