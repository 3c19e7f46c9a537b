import { describe, expect, it } from 'vitest';
import { emptyMemory, readMemory } from '../../../shared/memory/memory.ts';
import { environmentKey, revisionOf } from '../../../shared/base/revision.ts';
import { statePaths } from '../../../shared/memory/state-paths.ts';

const now = new Date('2026-11-21T01:02:03Z');

describe('the memory of an environment', () => {
  it('comes back as it was written', () => {
    const written = { ...emptyMemory(now), cluster: 'sandbox', left: ['/ConfigMap/acme/old'] };
    expect(readMemory({ value: JSON.parse(JSON.stringify(written)), now: new Date('2026-11-22T00:00:00Z') })).toEqual(
      written,
    );
  });

  it.each([undefined, null, 'text', 7, [], {}, { version: 2, objects: {} }])(
    'is lost where %o stands in its place',
    (value) => {
      expect(readMemory({ value, now })).toEqual(emptyMemory(now));
    },
  );

  // A half of a memory would crash every later run of its environment, and nothing would ever rewrite it.
  it('is lost where only a part of it is there', () => {
    expect(readMemory({ value: { version: 1 }, now })).toEqual(emptyMemory(now));
  });
});

describe('the names of an environment', () => {
  it('are the same everywhere', () => {
    expect(revisionOf({ branch: 'main', commit: '9f2c' })).toBe('main@sha1:9f2c');
    expect(environmentKey({ repository: 'master', environment: 'acme' })).toBe('master/acme');
    expect(statePaths({ repository: 'master', environment: 'acme' })).toEqual({
      lease: 'environments/master/acme/lease.json',
      departed: 'environments/master/acme/memory.departed.json',
      wanted: 'environments/master/acme/wanted.json',
      memory: 'environments/master/acme/memory.json',
    });
  });
});
