import { describe, expect, it } from 'vitest';
import {
  causeDue,
  causesOf,
  heldIncidentPath,
  incidentMetadata,
  type HeldCause,
} from '../../../shared/notices/held-alert.ts';

const at = Date.parse('2026-11-28T08:00:00Z');
const since = '2026-11-27T08:00:00.000Z';
const event = (data: object) => ({
  ...{ id: 'later', type: 'diff', source: '//converge.dev', subject: 'master/acme', time: since },
  data,
});
const head: HeldCause = {
  ...{ version: 1, first: { key: 'a', occurrence: 1, since }, severity: 'warning', repeats: 0, claim: null },
  shown: { newest: 'first', at: at - 86_400_000, open: 1, ended: 0 },
};

/** What a list tells of one whose newest alert has this data. */
function listed(data: object) {
  const told = { id: 'later', occurrence: 1, since, state: 'open' as const, time: since };
  const facts = { version: 1 as const, cause: 'c', told, about: 'master/acme', severity: 'warning' as const };
  const object = { path: heldIncidentPath('mail', 'a'), generation: '1', updatedAt: new Date(at) };
  const metadata = incidentMetadata({ ...facts, event: event(data) });
  return causesOf('mail', [{ ...object, metadata }]).flatMap(({ incidents }) => incidents);
}
const dueOf = (data: object, canUpdate: boolean, until?: number) =>
  causeDue(
    { head: until === undefined ? head : { ...head, acknowledged: 'a' }, incidents: listed(data) },
    {
      ...{ rules: { joins: true, canUpdate, quietHours: [], repeat: undefined }, now: at },
      acknowledged: until === undefined ? undefined : { generation: 'a', until },
    },
  );

describe('what reminds of what was told', () => {
  it('is told to a sink that cannot change what it shows, too', () => {
    expect(dueOf({ reminder: 1 }, false)).toBe('show');
    expect(dueOf({ reminder: 1 }, true)).toBe('show');
  });

  it('is told to nobody while somebody takes care of it', () => {
    expect([dueOf({ reminder: 1 }, false, at + 1), dueOf({ reminder: 1 }, true, at + 1)]).toEqual([
      undefined,
      undefined,
    ]);
    expect([dueOf({ reminder: 1 }, false, at), dueOf({ reminder: 1 }, true, at)]).toEqual(['show', 'show']);
  });

  it('is no other change', () => {
    expect(dueOf({}, false)).toBeUndefined();
    expect(dueOf({ reminder: 'often' }, false)).toBeUndefined();
    expect(dueOf({}, true)).toBe('show');
  });
});
