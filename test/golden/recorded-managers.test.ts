import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';
import { managedFieldsToWrite } from '../../shared/ownership/take-over.ts';

/* Objects as clusters had them under Argo CD: `diff.json` in the folder that CONVERGE_CONFORMANCE names. */
const folder = process.env['CONVERGE_CONFORMANCE'];

const objectSchema = z.custom<KubernetesObject>(
  (value) => value !== null && typeof value === 'object' && 'metadata' in value,
);
const casesSchema = z.array(
  z.object({ name: z.string(), config: objectSchema.nullish(), live: objectSchema.nullish() }),
);

const argo = 'argocd-controller';
const recorded =
  folder === undefined
    ? []
    : casesSchema
        .parse(JSON.parse(readFileSync(join(folder, 'diff.json'), 'utf8')))
        .flatMap(({ name, config, live }) =>
          config && live?.metadata.managedFields?.some(({ manager }) => manager === argo)
            ? [{ name, desired: config, observed: live }]
            : [],
        );

describe.skipIf(folder === undefined)('an object recorded under Argo CD', () => {
  it('is there, several times', () => {
    expect(recorded.length).toBeGreaterThanOrEqual(5);
  });

  it.each(recorded)(
    'is taken over with all beside its metadata, and nothing of other controllers: $name',
    ({ desired, observed }) => {
      const before = observed.metadata.managedFields ?? [];
      const written = managedFieldsToWrite({ desired, observed }) ?? [];
      const ours = written.find(({ manager, operation }) => manager === 'converge' && operation === 'Apply');
      const theirs = before.find(({ manager }) => manager === argo)?.fieldsV1 ?? {};
      for (const field of Object.keys(theirs).filter((key) => key !== 'f:metadata'))
        expect(Object.keys(ours?.fieldsV1 ?? {})).toContain(field);
      expect(
        Object.keys(written.find(({ manager }) => manager === argo)?.fieldsV1 ?? {}).filter(
          (key) => key !== 'f:metadata',
        ),
      ).toEqual([]);
      const controllers = (entries: typeof before) =>
        entries.filter(({ manager }) => manager === 'kube-controller-manager');
      expect(controllers([...written])).toEqual(controllers([...before]));
    },
  );
});

/* Objects as a cluster had them under Flux: kustomize-controller 1.9.5, after it had applied two revisions. */
const underFlux = z
  .array(objectSchema)
  .parse(JSON.parse(readFileSync(new URL('recorded/flux-kustomization.json', import.meta.url), 'utf8')));

describe('an object recorded under Flux', () => {
  it.each(underFlux.map((observed) => ({ kind: observed.kind, observed })))(
    'is taken over whole, its metadata only where Git says so: $kind',
    ({ observed }) => {
      const { managedFields: before = [], labels: _labels, annotations: _annotations, ...metadata } = observed.metadata;
      const written = managedFieldsToWrite({ desired: { ...observed, metadata }, observed }) ?? [];
      const theirs = before.find(({ manager }) => manager === 'kustomize-controller')?.fieldsV1 ?? {};
      const ours =
        written.find(({ manager, operation }) => manager === 'converge' && operation === 'Apply')?.fieldsV1 ?? {};
      for (const [field, below] of Object.entries(theirs))
        if (field !== 'f:metadata') expect(ours[field]).toEqual(below);
      expect(Object.keys(written.find(({ manager }) => manager === 'kustomize-controller')?.fieldsV1 ?? {})).toEqual([
        'f:metadata',
      ]);
    },
  );
});
