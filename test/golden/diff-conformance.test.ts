import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { diffFields } from '../../shared/drift/field-diff.ts';
import { fieldsOf } from '../../shared/environment/ignore-rule.ts';
import { desiredBeside } from '../../shared/fields/ignored-fields.ts';
import type { KubernetesObject, ManagedFieldsEntry } from '../../shared/objects/kubernetes-object.ts';
import { normalise } from '../../shared/objects/normalise.ts';
import { startSandbox, type Sandbox } from './sandbox.ts';

/*
 * Pairs of objects from Argo CD's diff tests with its verdict: `diff.json` in the folder that CONVERGE_CONFORMANCE
 * names. Each observed object is made in a real API server, with its recorded managers, of which Argo CD plays our
 * part; then a dry run of our apply tells what differs. Where the answer of such a dry run is recorded, with webhooks
 * of that cluster, it is taken.
 */
const folder = process.env['CONVERGE_CONFORMANCE'];

const objectSchema = z.custom<KubernetesObject>(
  (value) => value !== null && typeof value === 'object' && 'metadata' in value,
);
const caseSchema = z.object({
  name: z.string(),
  config: objectSchema,
  live: objectSchema,
  predictedLive: objectSchema.optional(),
  expectedModified: z.boolean(),
  absentInDiff: z.array(z.string()).default([]),
  mustMention: z.string().optional(),
  options: z.object({ ignore: z.array(z.string()).default([]) }).optional(),
});
type Case = z.infer<typeof caseSchema>;
const cases =
  folder === undefined ? [] : z.array(caseSchema).parse(JSON.parse(readFileSync(join(folder, 'diff.json'), 'utf8')));

/** Versions that are served no more, in the one that is, with what it asks for besides. */
function inServedVersion(object: KubernetesObject): KubernetesObject {
  if (!object.apiVersion.endsWith('/v1beta1')) return object;
  const webhooks = object['webhooks'];
  const asked = { sideEffects: 'None', admissionReviewVersions: ['v1'] };
  return {
    ...object,
    apiVersion: object.apiVersion.replace('v1beta1', 'v1'),
    ...(Array.isArray(webhooks) ? { webhooks: webhooks.map((webhook: object) => ({ ...webhook, ...asked })) } : {}),
  };
}

/** Where we say something else, and why. */
const exceptions: Readonly<Record<string, string>> = {};

interface Verdict {
  readonly modified: boolean;
  readonly paths: readonly string[];
}
const verdicts = new Map<string, Verdict>();

let sandbox: Sandbox;
beforeAll(async () => {
  if (folder === undefined) return;
  sandbox = await startSandbox();
  await sandbox.kubernetes.kubectl(['create', '--filename', '-'], JSON.stringify(widgets));
  await sandbox.kubernetes.kubectl([
    'wait',
    '--for=condition=Established',
    'customresourcedefinition/widgets.example.com',
  ]);
});
afterAll(async () => {
  if (folder !== undefined) await sandbox.stop();
});

const widgets = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { kind: 'Widget', plural: 'widgets', singular: 'widget', listKind: 'WidgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

/** What a cluster gives out itself: another one refuses it. */
function withoutAllotted({ status: _status, ...object }: KubernetesObject): KubernetesObject {
  const {
    uid: _uid,
    resourceVersion: _version,
    creationTimestamp: _created,
    generation: _generation,
    managedFields: _managers,
    ...metadata
  } = object.metadata as Record<string, unknown>;
  const spec = object['spec'];
  if (object.kind !== 'Service' || spec === null || typeof spec !== 'object')
    return { ...object, apiVersion: object.apiVersion, kind: object.kind, metadata };
  const { clusterIP: _ip, clusterIPs: _ips, ...rest } = spec as Record<string, unknown>;
  return { ...object, apiVersion: object.apiVersion, kind: object.kind, metadata, spec: rest };
}

const inPlaceOfArgo = (entry: ManagedFieldsEntry): ManagedFieldsEntry =>
  entry.manager === 'argocd-controller' ? { ...entry, manager: 'converge', operation: 'Apply' } : entry;

async function observe({
  live,
  namespace,
}: {
  live: KubernetesObject;
  namespace: string | undefined;
}): Promise<KubernetesObject> {
  const object = withoutAllotted({
    ...live,
    metadata: { ...live.metadata, ...(namespace === undefined ? {} : { namespace }) },
  });
  await sandbox.kubernetes.kubectl(
    ['create', '--validate=false', '--field-manager=somebody', '--filename', '-'],
    JSON.stringify(object),
  );
  const managedFields =
    live.metadata.managedFields?.filter(({ subresource }) => (subresource ?? '') === '').map(inPlaceOfArgo) ?? [];
  for (let attempt = 1; ; attempt++) {
    const made = await sandbox.read(object);
    if (made?.metadata.uid === undefined || made.metadata.resourceVersion === undefined) throw new Error('it is gone');
    if (managedFields.length === 0) return made;
    const { uid, resourceVersion } = made.metadata;
    const written = await sandbox.cluster.writeManagedFields({
      resource: await sandbox.resource(object),
      namespace,
      name: made.metadata.name ?? '',
      uid,
      resourceVersion,
      managedFields,
    });
    if (written.outcome === 'applied') return written.object;
    if (attempt === 5) throw new Error(written.message);
  }
}

/** A recorded answer of the API server to the apply is taken for that answer, a webhook's words in it included. */
function judgeRecorded({
  live,
  predicted,
  ignored,
}: {
  live: KubernetesObject;
  predicted: KubernetesObject;
  ignored: string[];
}): Verdict {
  const asOurs = (object: KubernetesObject) => ({
    ...object,
    metadata: { ...object.metadata, managedFields: object.metadata.managedFields?.map(inPlaceOfArgo) ?? [] },
  });
  const paths = diffFields({ desired: asOurs(predicted), observed: asOurs(live), ignored: fieldsOf(ignored) }).map(
    ({ path }) => path,
  );
  return { modified: paths.length > 0, paths };
}

async function judge({ config, live, predictedLive, options, mustMention }: Case, index: number): Promise<Verdict> {
  if (predictedLive !== undefined)
    return judgeRecorded({ live, predicted: predictedLive, ignored: options?.ignore ?? [] });
  const resource = await sandbox.resource(config);
  const namespace = resource.namespaced ? `case-${index}` : undefined;
  if (namespace !== undefined) await sandbox.kubernetes.kubectl(['create', 'namespace', namespace]);
  const observed = await observe({ live, namespace });
  const ignored = fieldsOf(options?.ignore ?? []);
  const cleared = normalise(config);
  const desired = { ...cleared, metadata: { ...cleared.metadata, ...(namespace === undefined ? {} : { namespace }) } };
  const dryRun = await sandbox.cluster.apply({
    resource,
    object: desiredBeside({ desired, observed, ignored, purpose: 'verify' }),
    dryRun: true,
  });
  if (!resource.namespaced) await sandbox.kubernetes.kubectl(['delete', resource.plural, observed.metadata.name ?? '']);
  // What is refused is told in the API server's words, by the name of what it refuses.
  if (dryRun.outcome === 'rejected')
    return { modified: mustMention !== undefined && dryRun.message.includes(mustMention), paths: [dryRun.message] };
  const paths = diffFields({ desired: dryRun.object, observed, ignored }).map(({ path }) => path);
  return { modified: paths.length > 0, paths };
}

describe.skipIf(folder === undefined)('the difference, judged beside Argo CD', () => {
  it.each(
    cases.map((diffCase, index) => ({
      ...diffCase,
      config: inServedVersion(diffCase.config),
      live: inServedVersion(diffCase.live),
      index,
    })),
  )('$name', async ({ index, ...diffCase }) => {
    const verdict = await judge(diffCase, index);
    verdicts.set(diffCase.name, verdict);
    if (diffCase.name in exceptions)
      expect(verdict.modified, exceptions[diffCase.name]).toBe(!diffCase.expectedModified);
    else expect(verdict.modified, verdict.paths.join(', ')).toBe(diffCase.expectedModified);
    for (const path of [
      ...diffCase.absentInDiff.map((dotted) => `/${dotted.replaceAll('.', '/')}`),
      ...(diffCase.options?.ignore ?? []),
    ]) {
      expect(verdict.paths.filter((found) => found.startsWith(path))).toEqual([]);
    }
  });

  it('shows how many verdicts it shares', () => {
    const agree = cases.filter(({ name, expectedModified }) => verdicts.get(name)?.modified === expectedModified);
    console.log(`diff.json: ${agree.length} of ${cases.length} agree`);
    for (const { name } of cases) console.log(`${name}: ${verdicts.get(name)?.paths.join(', ') ?? 'no verdict'}`);
    expect(agree.length + Object.keys(exceptions).length).toBe(cases.length);
  });
});
