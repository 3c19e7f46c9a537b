import { describe, expect, it } from 'vitest';
import { heldAgainst, type Through } from '../../../shared/memory/as-planned.ts';
import { decodeKeptPlan, isUsedUp, type KeptObject, type KeptPlan } from '../../../shared/memory/kept-plan.ts';
import { planWords } from '../../../shared/notices/alert-lines.ts';

const at = '2026-11-21T01:02:03.000Z';
const keyOf = (name: string): string => `/ConfigMap/acme/${name}`;
const object = (name: string, does: KeptObject['does'], more: Partial<KeptObject> = {}): KeptObject => ({
  ...{ key: keyOf(name), does, verdict: 'accepted', desired: `hash of ${name}`, ...more },
});
const planOf = (...objects: KeptObject[]): KeptPlan => ({ version: 1, at, pullRequest: 7, from: ['a'], objects });

function through(done: Partial<Through['rolledOut']>, more: Partial<Through> = {}): Through {
  const rolledOut = { created: [], configured: [], pruned: [], ...done };
  const wanted = [...rolledOut.created, ...rolledOut.configured];
  const desired = new Map(wanted.map((key) => [key, `hash of ${key.slice(keyOf('').length)}`]));
  return { rolledOut, desired, left: [], isBetween: false, healed: new Set(), ...more };
}

const web = keyOf('web');
const updated = (digest: string) => through({ configured: [web], how: { [web]: digest } });

describe('what was done beside a plan', () => {
  it('is as planned where the same became of the same objects', () => {
    const plan = planOf(object('web', 'update', { fields: 'd1' }), object('new', 'create'), object('old', 'prune'));
    const done = through({
      ...{ created: [keyOf('new')], configured: [web], pruned: [keyOf('old')], how: { [web]: 'd1' } },
    });
    expect(heldAgainst(plan, done)).toEqual({ asPlanned: true, at, pullRequest: 7, objects: [], omitted: 0 });
  });

  it('tells other fields, and that the cluster has changed', () => {
    const said = heldAgainst(planOf(object('web', 'update', { fields: 'd1' })), updated('d2'));
    expect(said).toMatchObject({
      ...{ asPlanned: false, why: 'the cluster has changed since it was planned' },
      objects: [{ object: 'ConfigMap acme/web', planned: 'update', done: 'update' }],
    });
    expect(planWords(said)).toBe(
      'Otherwise than planned on pull request 7: ConfigMap acme/web (other fields); the cluster has changed since it was planned',
    );
  });

  it('tells what was planned and not done, and what was done and not planned', () => {
    const healed = new Set([web]);
    const { objects, why } = heldAgainst(planOf(object('old', 'prune')), { ...updated('d1'), healed });
    expect(objects).toEqual([
      { object: 'ConfigMap acme/old', planned: 'prune', done: null },
      { object: 'ConfigMap acme/web', planned: null, done: 'update' },
    ]);
    expect(why).toBe('the cluster has changed since it was planned');
    expect(heldAgainst(planOf(), updated('d1')).why).toBeUndefined();
  });

  it('tells an update that became a replacement, and a refusal that did not come', () => {
    expect(heldAgainst(planOf(object('web', 'update')), updated('replaced')).objects).toMatchObject([
      { planned: 'update', done: 'replace' },
    ]);
    expect(heldAgainst(planOf(object('web', 'update', { verdict: 'rejected' })), updated('d')).objects).toMatchObject([
      { planned: 'refuse', done: 'update' },
    ]);
    expect(heldAgainst(planOf(object('web', 'update', { verdict: 'undecided' })), updated('d')).asPlanned).toBe(true);
  });

  it('says that another commit came, or that templates came to something else', () => {
    const plan = planOf(object('web', 'update', { fields: 'd1' }));
    expect(heldAgainst(plan, { ...updated('d2'), isBetween: true }).why).toContain('another commit');
    expect(heldAgainst(plan, { ...updated('d2'), desired: new Map([[web, 'other']]) }).why).toContain('templates');
    expect(heldAgainst(plan, { ...updated('d1'), isBetween: true }).asPlanned).toBe(true);
  });

  it('is not known where the plan lacks something, or a run died half-way', () => {
    expect(heldAgainst({ ...planOf(), lacks: 'it is too large' }, updated('d'))).toMatchObject({
      ...{ asPlanned: null, why: 'it is too large' },
    });
    expect(heldAgainst(planOf(), through({ configured: [web] })).asPlanned).toBeNull();
  });

  it('names twenty objects, and counts the others', () => {
    const created = Array.from({ length: 25 }, (_one, index) => keyOf(`o${index}`));
    const { objects, omitted } = heldAgainst(planOf(), through({ created }));
    expect([objects.length, omitted]).toEqual([20, 5]);
  });

  it('takes a plan of another shape for none that can be read, and one that was used for used up', () => {
    expect(decodeKeptPlan(planOf())).toEqual(planOf());
    for (const value of [undefined, 'x', {}, { ...planOf(), version: 2 }])
      expect(decodeKeptPlan(value)).toBeUndefined();
    const convergences = [{ revision: 'r', at, seconds: 1, planned: at }];
    expect(isUsedUp({ at }, { past: { from: at, incidents: [], convergences } })).toBe(true);
    expect(isUsedUp({ at }, { past: undefined })).toBe(false);
  });
});
