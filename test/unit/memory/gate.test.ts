import { describe, expect, it } from 'vitest';
import {
  declareEnvironment,
  gateOf,
  inDependencyOrder,
  readinessOf,
  refuseWrongDependencies,
  type DeclaredEnvironment,
} from '../../../shared/memory/gate.ts';
import { environmentPath } from '../../../shared/environment/environment-file.ts';
import type { Incident } from '../../../shared/memory/incident.ts';
import { emptyMemory, type Memory } from '../../../shared/memory/memory.ts';
import { nearestName } from '../../../shared/base/nearest-name.ts';
import { commitId, environmentText } from '../pipeline/ports.ts';
import { refusalIfAny } from '../../refusal.ts';

const declare = (name: string, spec: readonly string[] = []): DeclaredEnvironment =>
  declareEnvironment({ file: environmentPath(name), text: environmentText(name, spec) });

/** Whether the environment of that name is refused, in a repository of these. */
function problemOf(name: string, graph: Readonly<Record<string, readonly string[] | 'broken'>>): string | undefined {
  const declared = new Map(
    Object.entries(graph).map(([other, dependsOn]) => [
      other,
      dependsOn === 'broken'
        ? declareEnvironment({ file: environmentPath(other), text: 'broken: [' })
        : declare(other, ['dependsOn:', ...dependsOn.map((dependency) => `  - ${dependency}`)]),
    ]),
  );
  const refusal = refusalIfAny(() => refuseWrongDependencies({ name, names: Object.keys(graph), declared }));
  if (refusal !== undefined) expect(refusal).toMatchObject({ code: 'InvalidEnvironment', disposition: 'refuse' });
  return refusal?.message;
}

describe('a loop', () => {
  const graph = { a: ['b'], b: ['c'], c: ['a'], beside: [], upon: ['c'] };

  it.each(['a', 'b', 'c'])('is refused for %s, which is in it, and named as a whole', (name) => {
    expect(problemOf(name, graph)).toBe(
      `environments/${name}.yaml:9: spec.dependsOn.0: the environments wait for each other: a → b → c → a`,
    );
  });

  it.each(['beside', 'upon'])('is nothing to %s, which is not in it', (name) => {
    expect(problemOf(name, graph)).toBeUndefined();
  });

  it('of one is one', () => {
    expect(problemOf('a', { a: ['a'] })).toContain('wait for each other: a → a');
  });

  it('is named by the line that leads into it, and in its shortest form', () => {
    expect(problemOf('a', { a: ['d', 'b'], b: ['c', 'a'], c: ['a'], d: [] })).toBe(
      'environments/a.yaml:10: spec.dependsOn.1: the environments wait for each other: a → b → a',
    );
  });

  it('is none where two ways lead to one', () => {
    expect(problemOf('top', { top: ['left', 'right'], left: ['base'], right: ['base'], base: [] })).toBeUndefined();
  });

  it('is none where a file in between cannot be read', () => {
    expect(problemOf('a', { a: ['b'], b: 'broken' })).toBeUndefined();
  });
});

describe('an unknown name', () => {
  it('is refused with file, line and the nearest name there is', () => {
    const message = problemOf('acme', { acme: ['base', 'platfrom'], base: [], platform: [], globex: [] });
    expect(message).toBe(
      'environments/acme.yaml:10: spec.dependsOn.1: there is no environment platfrom in this repository; did you mean platform?',
    );
  });

  it('is nothing to those that depend on the one that names it', () => {
    expect(problemOf('shop', { shop: ['acme'], acme: ['nobody'] })).toBeUndefined();
  });

  it('has no nearest name where there is no other environment', () => {
    expect(problemOf('acme', { acme: ['platform'] })).toContain('there is no other');
  });

  it.each([
    ['acme-prod', ['acme-production', 'acme-staging', 'globex'], 'acme-production'],
    ['platfrom', ['platform', 'postgres'], 'platform'],
    ['b', ['c', 'a'], 'a'],
  ])('%s among %j is nearest to %s', (name, among, nearest) => {
    expect(nearestName({ name, among })).toBe(nearest);
  });
});

describe('an order', () => {
  const order = (graph: Readonly<Record<string, readonly string[]>>, names = Object.keys(graph)) =>
    inDependencyOrder({ names, dependsOn: new Map(Object.entries(graph)) });

  it('puts what others depend on first', () => {
    expect(order({ top: ['left', 'right'], left: ['base'], right: ['base'], base: [] })).toEqual([
      ['base'],
      ['left', 'right'],
      ['top'],
    ]);
  });

  it('counts only what is to be ordered', () => {
    expect(order({ top: ['base'], base: ['far'] }, ['top'])).toEqual([['top']]);
  });

  it('ends where there is none', () => {
    expect(order({ a: ['b'], b: ['a'], free: [] })).toEqual([['free'], ['a', 'b']]);
  });
});

const file = environmentPath('platform');
const revision = `main@sha1:${commitId('1')}`;
const inputs = { [file]: 'file-1', 'manifests/shop': 'tree-1' };
const at = { commit: commitId('1'), revision, at: '2026-11-21T00:00:00.000Z', inputs };
const settled: Memory = {
  ...emptyMemory(new Date(0)),
  attempted: at,
  converged: { ...at, renderKey: '00ff' },
  health: 'Healthy',
};
const failed: Incident = {
  ...{ id: '4be0d1a2c3f40516', since: at.at, occurrence: 1, reason: 'Failed', revision },
  ...{ summary: 'Deployment acme/web: refused', diff: undefined, told: true, closedAt: undefined },
};
const failure = { state: 'failed', message: 'waits for platform, which failed: Deployment acme/web: refused' };
const pending = { state: 'pending', suspended: false };

const now = new Date('2026-11-29T01:00:00Z');

describe('an environment that another depends on', () => {
  const changed = { ...inputs, 'manifests/shop': 'tree-2' };
  const readiness = ({
    memory = settled,
    current = inputs,
    spec = [],
  }: {
    memory?: Memory;
    current?: Record<string, string | null>;
    spec?: string[];
  }) => readinessOf({ name: 'platform', declared: declare('platform', spec), memory, current, now });

  it.each<{ what: string; memory?: Memory; current?: Record<string, string | null>; expected: object }>([
    { what: 'has converged with its inputs', expected: { state: 'ready' } },
    { what: 'never ran', memory: emptyMemory(new Date(0)), expected: pending },
    { what: 'has other inputs by now', current: changed, expected: pending },
    { what: 'has lost an input', current: { ...inputs, 'manifests/shop': null }, expected: pending },
    { what: 'failed with these inputs', memory: { ...settled, incident: failed }, expected: failure },
    {
      what: 'became unhealthy',
      memory: { ...settled, incident: { ...failed, reason: 'Unhealthy' } },
      expected: failure,
    },
    {
      what: 'waits for one that failed',
      memory: { ...settled, incident: { ...failed, reason: 'Blocked' } },
      expected: failure,
    },
    { what: 'failed with other inputs', memory: { ...settled, incident: failed }, current: changed, expected: pending },
    {
      what: 'failed at an earlier revision than it is at now',
      memory: { ...settled, incident: { ...failed, revision: 'main@sha1:0' } },
      expected: pending,
    },
    {
      what: 'has drifted',
      memory: { ...settled, incident: { ...failed, reason: 'Drifted' } },
      expected: { state: 'ready' },
    },
    {
      what: 'was suspended a moment ago',
      memory: { ...settled, incident: { ...failed, reason: 'Suspended' } },
      expected: { state: 'ready' },
    },
    {
      what: 'has mended',
      memory: { ...settled, incident: { ...failed, closedAt: at.at } },
      expected: { state: 'ready' },
    },
  ])('and $what is $expected.state', ({ memory, current, expected }) => {
    expect(
      readiness({ ...(memory === undefined ? {} : { memory }), ...(current === undefined ? {} : { current }) }),
    ).toEqual(expected);
  });

  it('and is suspended is ready where its sources are what it converged with: its file changed, as it says so', () => {
    expect(readiness({ spec: ['suspend: true'], current: { ...inputs, [file]: 'file-2' } })).toEqual({
      state: 'ready',
    });
  });

  it('and whose suspension is over is waited for as any other', () => {
    const current = { ...inputs, [file]: 'file-2' };
    expect(readiness({ spec: ["suspendUntil: '2026-11-29T01:00:01Z'"], current })).toEqual({ state: 'ready' });
    expect(readiness({ spec: ["suspendUntil: '2026-11-29T01:00:00Z'"], current })).toEqual(pending);
  });

  it.each([
    { what: 'other sources', current: { ...changed, [file]: 'file-2' }, memory: settled, spec: ['suspend: true'] },
    { what: 'never converged', current: inputs, memory: emptyMemory(new Date(0)), spec: ['suspend: true'] },
  ])('and is suspended before it converged is waited for: $what', ({ current, memory, spec }) => {
    expect(readiness({ current, memory, spec })).toEqual({ state: 'pending', suspended: true });
  });

  it('and whose file cannot be read has failed', () => {
    const declared = declareEnvironment({ file, text: 'nonsense: 1\n' });
    expect(readinessOf({ name: 'platform', declared, memory: settled, current: inputs, now })).toEqual({
      state: 'failed',
      message: expect.stringMatching(/^platform cannot be read: environments\/platform\.yaml:1: nonsense: unknown key/),
    });
  });
});

describe('a gate', () => {
  const ready = { name: 'ready', declared: declare('platform'), memory: settled, current: inputs, now };
  const never = { ...ready, name: 'never', memory: emptyMemory(new Date(0)) };
  const broken = { ...ready, name: 'broken', memory: { ...settled, incident: failed } };
  const suspended = { ...never, name: 'resting', declared: declare('platform', ['suspend: true']) };

  it('is open where all are ready', () => {
    expect(gateOf([ready, ready])).toEqual({ gate: 'open' });
    expect(gateOf([])).toEqual({ gate: 'open' });
  });

  it('names all that are waited for', () => {
    expect(gateOf([ready, never])).toEqual({ gate: 'waiting', message: 'waits for never' });
    expect(gateOf([never, suspended])).toEqual({
      gate: 'waiting',
      message: 'waits for never, and for resting, which is suspended',
    });
  });

  it('is blocked where one has failed, whatever else is waited for', () => {
    expect(gateOf([never, broken])).toEqual({
      gate: 'blocked',
      message: 'waits for broken, which failed: Deployment acme/web: refused',
    });
  });
});
