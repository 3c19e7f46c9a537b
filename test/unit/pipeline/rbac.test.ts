import { describe, expect, it } from 'vitest';
import { keepRenders } from '../../../shared/adapters/kept-renders.ts';
import { emptyMemory } from '../../../shared/memory/memory.ts';
import { statePaths } from '../../../shared/memory/state-paths.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';
import type { LookupQuery } from '../../../shared/objects/lookup-query.ts';
import type { Renderer } from '../../../shared/ports/renderer.ts';
import { rbac, type RbacAsked } from '../../../shared/pipeline/rbac.ts';
import type { Rule } from '../../../shared/rbac/rights.ts';
import { clockAt, repositoryWith, stateInMemory } from './ports.ts';
import { rejectionOf } from '../../refusal.ts';

const { now } = clockAt('2026-11-21T01:00:00Z');
const who = { repository: 'master', environment: 'acme' };
const asked: RbacAsked = {
  ...who,
  kubernetesVersion: 'v1.36.3',
  apiVersions: [],
  resources: [],
  accounts: [],
  limits: { renderSeconds: 60, renderMiB: 1024 },
};

const settings: KubernetesObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' } };
const tariff: KubernetesObject = { apiVersion: 'family.example/v1', kind: 'Tariff', metadata: { name: 'basic' } };
const definition: KubernetesObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'tariffs.family.example' },
  spec: {
    group: 'family.example',
    scope: 'Namespaced',
    names: { kind: 'Tariff', plural: 'tariffs' },
    versions: [{ name: 'v1', served: true }],
  },
};

interface Rendering {
  readonly objects: readonly KubernetesObject[];
  readonly looksUp?: LookupQuery;
}

/** A repository of environments, each with what it renders to; the first is `acme`, which depends on the others. */
function world(
  environments: Readonly<Record<string, Rendering>>,
  { owned = [], previousNames = [] }: { owned?: readonly string[]; previousNames?: readonly string[] } = {},
) {
  const fileOf = (name: string): string =>
    JSON.stringify({
      apiVersion: 'converge.dev/v1',
      kind: 'Environment',
      metadata: { name, ...(name === 'acme' ? { previousNames } : {}) },
      spec: {
        cluster: 'sandbox',
        namespace: name,
        lookup: true,
        sources: [{ manifests: name }],
        ...(name === 'acme' ? { dependsOn: Object.keys(environments).slice(1) } : {}),
      },
    });
  const files = Object.fromEntries(
    Object.keys(environments).map((name) => [`environments/${name}.yaml`, fileOf(name)]),
  );
  const served: string[][] = [];
  const renderer: Renderer = {
    version: async () => '1',
    kept: keepRenders({ limit: 10 }),
    async render({ namespace, lookup, apiVersions }) {
      served.push([...apiVersions]);
      const { objects = [], looksUp } = environments[namespace] ?? {};
      if (looksUp !== undefined) await lookup?.(looksUp);
      return { objects: objects.map((object) => ({ object, source: namespace })), hooks: [], reads: [], size: 1 };
    },
  };
  const state = stateInMemory(now);
  const remember = async (environment: string, keys: readonly string[]): Promise<void> => {
    const objects = Object.fromEntries(keys.map((key) => [key, { desired: '1', observed: '1', apiVersion: 'v1' }]));
    await state.write({
      path: statePaths({ ...who, environment }).memory,
      value: { ...emptyMemory(now()), objects },
      ifGeneration: 'any',
    });
  };
  return {
    served,
    remember,
    async rules(more: Partial<RbacAsked> = {}): Promise<Rule[]> {
      await remember('acme', owned);
      const { manifests } = await rbac(
        { ...asked, ...more },
        {
          now,
          renderer,
          state,
          repository: () => ({
            ...repositoryWith({ files }),
            checkout: async () => ({ folder: '/tmp/tree', absent: [] }),
          }),
        },
      );
      return manifests.flatMap((manifest) => (manifest['rules'] as Rule[] | undefined) ?? []);
    },
  };
}

const all = ['get', 'list', 'create', 'patch', 'delete'];
const tariffs = { apiGroups: ['family.example'], resources: ['tariffs'], verbs: all };

describe('the rights of an environment', () => {
  it('know the kinds that its own definitions define, and charts are told of them', async () => {
    const { rules, served } = world({ acme: { objects: [definition, tariff] } });
    expect(await rules()).toContainEqual(tariffs);
    expect(served.map((versions) => versions.includes('family.example/v1/Tariff'))).toEqual([false, true]);
  });

  it('know the kinds of those that it depends on, and give nothing that these need', async () => {
    const looksUp = { apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system', name: 'ca' };
    const rules = await world({ acme: { objects: [tariff] }, platform: { objects: [definition], looksUp } }).rules();
    expect(rules).toContainEqual(tariffs);
    expect(JSON.stringify(rules)).not.toContain('"ca"');
    // Whether a kind that is served in no version has objects.
    expect(rules.filter(({ resources }) => resources?.includes('customresourcedefinitions'))).toEqual([
      { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], verbs: ['list'] },
    ]);
  });

  it('are not printed for kinds that nobody knows', async () => {
    const refusal = await rejectionOf(world({ acme: { objects: [tariff, settings] } }).rules());
    expect(refusal).toMatchObject({ code: 'BadRequest', disposition: 'refuse', subject: 'master/acme' });
    expect(refusal.message).toContain('--resource Tariff.family.example=PLURAL');
  });

  it('know the kinds that a person names, of which charts are told nothing', async () => {
    const { rules, served } = world({ acme: { objects: [tariff] } });
    expect(
      await rules({
        resources: [{ group: 'family.example', version: '', kind: 'Tariff', plural: 'tariffs', namespaced: true }],
        apiVersions: ['family.example/v1'],
      }),
    ).toContainEqual(tariffs);
    expect(served[0]?.filter((version) => version.startsWith('family.example'))).toEqual(['family.example/v1']);
  });

  it('cover what it owns and Git no longer specifies: it is to be pruned', async () => {
    const rules = await world(
      { acme: { objects: [settings] } },
      { owned: ['/Service/acme/web', 'rbac.authorization.k8s.io/ClusterRole//reader'] },
    ).rules();
    expect(rules).toContainEqual({ apiGroups: [''], resources: ['configmaps', 'services'], verbs: all });
    expect(rules).toContainEqual({
      apiGroups: ['rbac.authorization.k8s.io'],
      resources: ['clusterroles'],
      resourceNames: ['reader'],
      verbs: ['get', 'create', 'patch', 'delete'],
    });
  });

  it('cover what it owned under a previous name', async () => {
    const { rules, remember } = world({ acme: { objects: [settings] } }, { previousNames: ['initech'] });
    await remember('initech', ['apps/Deployment/acme/web']);
    const printed = await rules();
    expect(printed).toContainEqual({ apiGroups: ['apps'], resources: ['deployments'], verbs: all });
    expect(printed.some(({ resourceNames = [] }) => resourceNames.includes('converge-initech-seed'))).toBe(true);
  });

  it('cover what its templates look up', async () => {
    const looksUp = { apiVersion: 'v1', kind: 'Secret', namespace: 'acme', name: 'ca' };
    const rules = await world({ acme: { objects: [settings], looksUp } }).rules();
    expect(rules).toContainEqual({ apiGroups: [''], resources: ['secrets'], resourceNames: ['ca'], verbs: ['get'] });
  });

  it('are refused for an environment that the branch does not declare', async () => {
    expect(await rejectionOf(world({ acme: { objects: [settings] } }).rules({ environment: 'globex' }))).toMatchObject({
      code: 'BadRequest',
      subject: 'master/globex',
    });
  });
});
