import { describe, expect, it } from 'vitest';
import {
  groupKind,
  groupOf,
  objectIdOf,
  objectKey,
  objectTitle,
  versionOf,
} from '../../../shared/objects/object-id.ts';

const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'acme' } };
const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'acme' } };

describe('the identity of an object', () => {
  it('does not hold the version', () => {
    expect(objectIdOf(deployment)).toEqual({ group: 'apps', kind: 'Deployment', namespace: 'acme', name: 'web' });
    expect(objectIdOf({ ...deployment, apiVersion: 'apps/v2' })).toEqual(objectIdOf(deployment));
  });

  it('has one key, one title and one name of its kind', () => {
    const ids = [deployment, namespace].map(objectIdOf);
    expect(ids.map(objectKey)).toEqual(['apps/Deployment/acme/web', '/Namespace//acme']);
    expect(ids.map(objectTitle)).toEqual(['Deployment acme/web', 'Namespace acme']);
    expect(ids.map(groupKind)).toEqual(['Deployment.apps', 'Namespace']);
  });

  it('comes from the apiVersion, whose group may be the core one', () => {
    expect(['v1', 'apps/v1'].map(groupOf)).toEqual(['', 'apps']);
    expect(['v1', 'apps/v1'].map(versionOf)).toEqual(['v1', 'v1']);
  });
});
