import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Diff } from '../../shared/events/alert.ts';
import { reconcileRequestedType } from '../../shared/events/reconcile-requested.ts';
import { atRest, environmentFile, eventually, startWorld, type Clone, type World } from './world.ts';

/*
 * The manifests of well-known projects as they are published, each an environment of its own: deployed, then looked at
 * again. CONVERGE_CONFORMANCE names the folder that holds `manifests/`; nothing of it belongs to this repository.
 */
const folder = process.env['CONVERGE_CONFORMANCE'];

interface Project {
  readonly name: string;
  /** A file, or the files of a folder, below `manifests/`. */
  readonly path: string;
  readonly namespace: string;
  /**
   * What may stay as it should not be, where no image runs and no load balancer comes: `Kind namespace/name` and why.
   */
  readonly excused: Readonly<Record<string, RegExp>>;
  /** It has hooks, which run again where an input of theirs changed. */
  readonly hooks?: true;
}

const noMetrics = /unable to get metrics for resource cpu|did not receive metrics/;

/** Definitions come before what they define, and webhooks without a backend after what they would refuse. */
const projects: readonly Project[] = [
  { name: 'kube-prometheus-setup', path: 'kube-prometheus/setup', namespace: 'monitoring', excused: {} },
  { name: 'flux-install', path: 'flux-install.yaml', namespace: 'flux-system', excused: {} },
  {
    name: 'flux2-example-production',
    path: 'flux2-example-production.yaml',
    namespace: 'podinfo',
    // Written for a later Flux than the one installed.
    excused: { 'HelmRelease podinfo/podinfo': /spec\.install\.strategy: field not declared in schema/ },
  },
  { name: 'istio-base', path: 'istio-base.yaml', namespace: 'istio-system', excused: {} },
  {
    name: 'online-boutique',
    path: 'online-boutique.yaml',
    namespace: 'default',
    excused: { 'Service default/frontend-external': /waits for its load balancer/ },
  },
  {
    name: 'podinfo',
    path: 'podinfo.yaml',
    namespace: 'default',
    excused: { 'HorizontalPodAutoscaler default/rel-podinfo': noMetrics },
  },
  {
    name: 'velero',
    path: 'velero.yaml',
    namespace: 'velero',
    // Invalid as it is published.
    excused: { 'Schedule velero/rel-velero-daily': /spec\.template: Required value/ },
    hooks: true,
  },
  { name: 'cert-manager', path: 'cert-manager.yaml', namespace: 'default', excused: {} },
  {
    // The same release with everything on: the environment moves from one render to the other.
    name: 'podinfo',
    path: 'podinfo-full.yaml',
    namespace: 'default',
    excused: { 'Certificate default/rel-podinfo': /failed calling webhook "webhook\.cert-manager\.io"/ },
  },
  {
    name: 'ingress-nginx',
    path: 'ingress-nginx.yaml',
    namespace: 'default',
    excused: { 'Service default/rel-ingress-nginx-controller': /waits for its load balancer/ },
    hooks: true,
  },
  {
    name: 'kube-prometheus',
    path: 'kube-prometheus',
    namespace: 'monitoring',
    // Its backend runs nowhere.
    excused: { 'APIService /v1beta1.metrics.k8s.io': /failing or missing response/ },
  },
];

describe.skipIf(folder === undefined)(
  'published manifests converge or say why not, and a second run writes nothing:',
  () => {
    let world: World;
    let master: Clone;

    beforeAll(async () => {
      world = await startWorld({ chaos: 'none' });
      master = await world.clone();
    });
    afterAll(async () => {
      await world.stop();
    });

    for (const project of projects) {
      it(project.path, async () => {
        const { name, path, namespace, excused } = project;
        const files = await readManifests(join(folder ?? '', 'manifests', path));
        const total = Object.values(files).reduce((sum, text) => sum + countObjects(text), 0);
        const committed = Object.fromEntries(
          Object.entries(files).map(([file, text]) => [`manifests/${name}/${path}/${file}`, text]),
        );
        const file = environmentFile(name, {
          namespace,
          // What never becomes healthy is waited for in vain.
          timeout: Object.keys(excused).length === 0 ? '3m' : '1m',
          sources: [{ manifests: `manifests/${name}/${path}` }],
        });

        const first = await outcomeAt(name, await master.push({ ...committed, [`environments/${name}.yaml`]: file }));
        const amiss = (first.diff?.objects ?? []).map((object) => ({
          object: `${object.kind} ${object.namespace ?? ''}/${object.name}`,
          why: `${object.change}: ${object.message}`,
        }));
        console.log(
          [
            `${path}: ${total - amiss.length} of ${total} objects converge`,
            ...amiss.map(({ object, why }) => `  ${object}: ${why}`),
          ].join('\n'),
        );
        expect(first.diff?.omitted ?? 0).toBe(0);
        expect(first.diff === undefined ? [] : amiss.length > 0 ? [] : [first.diff.summary]).toEqual([]);
        expect(amiss.filter(({ object, why }) => excused[object]?.test(why) !== true)).toEqual([]);

        // Controllers have answered the last change: every Deployment is rolled out, or stays as it is.
        await atRest(async () => Object.fromEntries(await allWrites()));
        const before = await acceptedWrites();
        const told = world.diffs.length;
        const second = await outcomeAt(
          name,
          await master.push({ [`manifests/${name}/${path}/notes.txt`]: 'Rendered by nobody.\n' }),
        );
        const drift = () =>
          world.diffs.slice(told).filter((diff) => diff.environment === name && diff.reason === 'Drifted');
        expect(drift()).toEqual([]);
        // The inventory's parent says which revision converged; nothing else is written.
        if (project.hooks === undefined)
          expect(await writesSince(before)).toEqual(second.diff === undefined ? { 'APPLY configmaps': 1 } : {});

        const settled = await acceptedWrites();
        await check(name);
        expect(drift()).toEqual([]);
        expect(await writesSince(settled)).toEqual({});
      });
    }

    async function outcomeAt(name: string, commit: string): Promise<{ diff: Diff | undefined }> {
      const of = (alert: { environment: string; revision: string }) =>
        alert.environment === name && alert.revision.endsWith(commit);
      const probe = () => {
        const diff = world.diffs.find((alert) => of(alert) && alert.action === 'none');
        return diff !== undefined || world.converged.some(of) ? { diff } : undefined;
      };
      return eventually(`${name} was brought to ${commit}`, probe);
    }

    /** Resolves when the check is done. */
    async function check(environment: string): Promise<void> {
      const headers = {
        ...(await world.pipeline.authorize('reconcile')),
        'content-type': 'application/json',
        'ce-specversion': '1.0',
        'ce-id': `check-${Math.random()}`,
        'ce-type': reconcileRequestedType,
        'ce-source': '//converge.dev/pipeline',
      };
      const body = JSON.stringify({ repository: 'master', environment, cause: 'schedule' });
      const response = await fetch(world.pipeline.functions.url('reconcile'), { method: 'POST', headers, body });
      expect(response.status, await response.text()).toBe(204);
    }

    async function allWrites(): Promise<ReadonlyMap<string, number>> {
      const metrics = await world.kubectl('get', '--raw', '/metrics');
      const counts = new Map<string, number>();
      for (const [, labels = '', value = ''] of metrics.matchAll(/^apiserver_request_total\{(.*)\} (\S+)$/gm)) {
        const label = (key: string): string => new RegExp(`(?:^|,)${key}="([^"]*)"`).exec(labels)?.[1] ?? '';
        if (!/^(APPLY|PATCH|POST|PUT|DELETE|DELETECOLLECTION)$/.test(label('verb')) || !label('code').startsWith('2'))
          continue;
        if (label('dry_run') !== '' || label('resource') === 'leases' || label('resource') === 'events') continue;
        const key = `${label('verb')} ${label('resource')}${label('subresource') === '' ? '' : `/${label('subresource')}`}`;
        counts.set(key, (counts.get(key) ?? 0) + Number(value));
      }
      return counts;
    }

    async function acceptedWrites(): Promise<ReadonlyMap<string, number>> {
      return new Map([...(await allWrites())].filter(([key]) => !byControllers.test(key)));
    }

    async function writesSince(before: ReadonlyMap<string, number>): Promise<Record<string, number>> {
      const grown = [...(await acceptedWrites())].map(([key, count]) => [key, count - (before.get(key) ?? 0)] as const);
      return Object.fromEntries(grown.filter(([, count]) => count > 0));
    }
  },
);

/**
 * What controllers and kwok write: every subresource, and objects that nobody commits. They never apply, but to
 * aggregated roles.
 */
const byControllers = /\/|^(?!APPLY )\w+ (pods|replicasets|endpoints|endpointslices|controllerrevisions|nodes|jobs)$/;

async function readManifests(path: string): Promise<Record<string, string>> {
  if (path.endsWith('.yaml')) return { 'all.yaml': await readFile(path, 'utf8') };
  const entries = await readdir(path, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.yaml'));
  return Object.fromEntries(
    await Promise.all(files.map(async ({ name }) => [name, await readFile(join(path, name), 'utf8')] as const)),
  );
}

function countObjects(text: string): number {
  return loadAll(text).filter((document) => document !== null && document !== undefined).length;
}
