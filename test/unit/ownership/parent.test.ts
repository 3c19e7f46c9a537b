import { describe, expect, it } from 'vitest';
import { applySetOf, parentObject } from '../../../shared/inventory/applyset.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';
import { judgeParent } from '../../../shared/ownership/parent.ts';

const place = { repository: 'master', environment: 'shop', namespace: 'shop' };
const applySet = applySetOf({ ...place, url: 'https://git.example.com/acme/master.git' });
const extent = { groupKinds: [], additionalNamespaces: [] };
const commit = '9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345';
const record = { revision: `main@sha1:${commit}`, renderKey: '00ff' };
const parentOf = (url: string | undefined, recorded: typeof record | null = record): KubernetesObject =>
  parentObject({
    applySet: applySetOf({ ...place, ...(url === undefined ? {} : { url }) }),
    extent,
    record: recorded ?? undefined,
  });
const nothing = { commits: [], hasWritten: false, hasConverged: false };
const written = { commits: [], hasWritten: true, hasConverged: false };
const converged = { commits: [commit], hasWritten: true, hasConverged: true };
const judge = (parent: KubernetesObject, remembered: typeof converged | typeof nothing = nothing) =>
  judgeParent({ parent, applySet, remembered });
const ours = { verdict: 'ours' };
const annotated = (
  parent: KubernetesObject,
  annotations: Record<string, string>,
  labels = parent.metadata.labels,
): KubernetesObject => ({
  ...parent,
  metadata: { ...parent.metadata, annotations, ...(labels === undefined ? {} : { labels }) },
});

describe('the inventory under the name of an environment', () => {
  it('is ours where it names this repository, whatever it recorded: a branch may have been rewritten', () => {
    expect(judge(parentOf('https://git.example.com/acme/master'))).toEqual(ours);
    expect(judge(parentOf('https://git.example.com/acme/master', null))).toEqual(ours);
  });

  it('is refused where it names another class or another environment, naming both', () => {
    const other = annotated(parentOf(undefined), { 'converge.dev/environment': 'staging/shop' });
    expect(judge(other, converged)).toEqual({
      verdict: 'refused',
      why: 'is the inventory of environment staging/shop, not of master/shop',
    });
  });

  it('is refused where another tool made it, and where it is no inventory at all', () => {
    const label = { 'applyset.kubernetes.io/id': 'applyset-x-v1' };
    expect(
      judge(annotated(parentOf(undefined), { 'applyset.kubernetes.io/tooling': 'kubectl/v1.36' }, label)),
    ).toMatchObject({ verdict: 'refused', why: expect.stringContaining('kubectl/v1.36') });
    expect(judge({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'converge-shop' } })).toMatchObject({
      verdict: 'refused',
      why: expect.stringContaining('did not make it'),
    });
  });

  it('is ours where somebody took its annotations off, and this installation wrote it: another class may have the name, and the repository', () => {
    const stripped = annotated(parentOf(undefined), {});
    expect(judge(stripped, converged)).toEqual(ours);
    const { 'converge.dev/environment': _name, ...unnamed } =
      parentOf('https://git.example.com/acme/master').metadata.annotations ?? {};
    for (const parent of [stripped, annotated(parentOf(undefined), unnamed)])
      expect(judge(parent)).toMatchObject({
        verdict: 'refused',
        isNameless: true,
        why: expect.stringContaining('no longer says whose it is'),
      });
  });

  it('of another repository is ours where the commit that it recorded is here: it moved', () => {
    expect(judge(parentOf('https://other.example.com/acme/master'), converged)).toMatchObject({
      verdict: 'asks',
      commit,
    });
    expect(judge(parentOf('https://other.example.com/acme/master'))).toMatchObject({
      otherwise: expect.stringContaining(
        'of the repository https://other.example.com/acme/master, not of https://git.example.com/acme/master',
      ),
    });
  });

  it('of another repository that recorded nothing yet is ours only where this installation wrote it, and recorded nothing either', () => {
    expect(judge(parentOf('https://other.example.com/acme/master', null), converged)).toMatchObject({
      verdict: 'refused',
    });
    expect(judge(parentOf('https://other.example.com/acme/master', null), written)).toEqual(ours);
    expect(judge(parentOf('https://other.example.com/acme/master', null))).toMatchObject({ verdict: 'refused' });
  });

  it('of the version before, which names no repository, is asked for its commit where that is not remembered', () => {
    expect(judge(parentOf(undefined), converged)).toEqual(ours);
    expect(judge(parentOf(undefined))).toMatchObject({ verdict: 'asks', commit });
    expect(judge(parentOf(undefined, null))).toEqual(ours);
  });
});
