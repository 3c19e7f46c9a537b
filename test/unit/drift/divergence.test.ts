import { describe, expect, it } from 'vitest';
import { divergenceOf, wholeObjectDiff } from '../../../shared/drift/divergence.ts';

const differing = (name: string, namespace: string | undefined = 'acme') =>
  wholeObjectDiff({
    id: { group: 'apps', kind: 'Deployment', namespace, name },
    apiVersion: 'apps/v1',
    change: 'modified',
    message: 'image differs',
  });
const divergence = (names: readonly string[]) =>
  divergenceOf({ reason: 'Drifted', revision: 'main@sha1:9f2c', objects: names.map((name) => differing(name)) });

describe('a divergence of objects', () => {
  it.each([
    { names: [], says: 'nothing differs' },
    { names: ['web'], says: 'Deployment acme/web: image differs' },
    { names: ['web', 'app'], says: 'Deployment acme/app: image differs, and 1 more object' },
    { names: ['web', 'app', 'db'], says: 'Deployment acme/app: image differs, and 2 more objects' },
  ])('of $names is summed up as "$says"', ({ names, says }) => {
    expect(divergence(names).summary).toBe(says);
  });

  it('comes sorted, so that the same divergence reads the same', () => {
    expect(divergence(['web', 'app', 'db'])).toEqual(divergence(['db', 'web', 'app']));
    expect(divergence(['web', 'app']).objects.map(({ name }) => name)).toEqual(['app', 'web']);
  });
});

describe('an object that differs as a whole', () => {
  it('names no namespace where it has none', () => {
    const id = { group: '', kind: 'Namespace', namespace: undefined, name: 'acme' };
    expect(wholeObjectDiff({ id, apiVersion: 'v1', change: 'missing', message: 'is missing' })).toStrictEqual({
      ...{ apiVersion: 'v1', kind: 'Namespace', name: 'acme' },
      ...{ change: 'missing', message: 'is missing', fields: [] },
    });
  });
});
