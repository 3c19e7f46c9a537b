import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { assessHealth } from '../../shared/health/assess-health.ts';
import type { HealthState } from '../../shared/health/health.ts';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';

/**
 * Verdicts that other projects give about the same objects. The folder that `CONVERGE_CONFORMANCE` names holds
 * `health.json`: a list of objects, each with the peer it comes from and that peer's verdict in the peer's own words.
 */
const folder = process.env['CONVERGE_CONFORMANCE'];

function isKubernetesObject(value: unknown): boolean {
  return z.object({ apiVersion: z.string(), kind: z.string(), metadata: z.looseObject({}) }).safeParse(value).success;
}

const caseSchema = z.object({
  name: z.string(),
  peer: z.enum(['argo-cd built-in', 'argo-cd lua', 'kstatus', 'kapp', 'pipecd']),
  expected: z.string().nullable(),
  consensus: z.enum(['ok', 'wait', 'bad']).nullish(),
  /** Some of the objects are excerpts, without metadata. */
  object: z.preprocess(
    (value) => (typeof value === 'object' ? { metadata: {}, ...value } : value),
    z.custom<KubernetesObject>(isKubernetesObject),
  ),
});
type Case = z.infer<typeof caseSchema>;

/** The peers' words in ours; a word that is ours already stands for itself. */
const translations: Readonly<Record<string, readonly HealthState[]>> = {
  Healthy: ['Healthy'],
  Progressing: ['Progressing'],
  Degraded: ['Degraded'],
  Suspended: ['Suspended'],
  Missing: ['Missing'],
  Unknown: ['Unknown'],
  Current: ['Healthy'],
  InProgress: ['Progressing'],
  Terminating: ['Progressing'],
  Failed: ['Degraded'],
  NotFound: ['Missing'],
  Done: ['Healthy'],
  Ongoing: ['Progressing'],
  Unhealthy: ['Degraded', 'Progressing'],
};
const consensusStates = { ok: 'Healthy', wait: 'Progressing', bad: 'Degraded' } as const;

const readCases = (root: string): readonly Case[] => z.array(caseSchema).parse(JSON.parse(readFileSync(join(root, 'health.json'), 'utf8')));
const cases = folder === undefined ? [] : readCases(folder).filter(({ expected }) => expected !== null);

function agrees({ object, expected }: Case): boolean {
  return translations[expected ?? '']?.includes(assessHealth(object).state) ?? false;
}

describe.skipIf(folder === undefined)('health, judged beside other projects', () => {
  it.for(cases.filter(({ peer }) => peer === 'argo-cd built-in'))('agrees with Argo CD on $name', (built) => {
    expect(assessHealth(built.object).state).toBe(built.expected);
  });

  it.for(cases.filter(({ consensus }) => consensus))('agrees with every peer on $name ($peer)', ({ object, consensus }) => {
    expect(assessHealth(object).state).toBe(consensus && consensusStates[consensus]);
  });

  it('shows how many verdicts of each peer it shares', () => {
    const peers = Map.groupBy(cases, ({ peer }) => peer);
    const shares = [...peers].map(([peer, of]) => `${peer}: ${of.filter(agrees).length} of ${of.length}`);
    console.log(shares.toSorted().join('\n'));
    expect(shares.length).toBeGreaterThan(0);
  });
});
