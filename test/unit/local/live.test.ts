import { describe, expect, test } from 'vitest';
import { lineOf } from '../../../local/live.ts';
import type { Seen } from '../../../local/topics.ts';

describe('a line of what happens', () => {
  const commit = '9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345';
  test.each<[string, Seen, string]>([
    [
      'an upload by its object',
      {
        kind: 'upload',
        id: '1',
        data: { bucket: 'family-master', name: 'config/acme.yaml', generation: '7' },
        message: { data: Buffer.of(), attributes: {} },
      },
      'upload gs://family-master/config/acme.yaml',
    ],
    [
      'a commit with what it copied',
      {
        kind: 'change-committed',
        id: '1',
        data: {
          ...{ repository: 'master', url: 'http://git/master', branch: 'main', commit, previous: null },
          artifacts: [{ bucket: 'family-master', name: 'config/acme.yaml', generation: '7' }],
        },
      },
      'commit 9f2c6a1 on main of master of gs://family-master/config/acme.yaml',
    ],
    [
      'a job with what it is for',
      { kind: 'reconcile', id: '1', data: { repository: 'master', environment: 'acme', cause: 'dependency' } },
      'job master/acme, for a dependency',
    ],
    [
      'a cluster that does not answer, with its words',
      {
        kind: 'alert',
        id: '1',
        alert: {
          kind: 'dependency',
          topic: 'diff',
          data: {
            ...{ subject: 'cluster/eu', kind: 'cluster', name: 'eu', incident: 'a', since: '2026-11-28T00:00:00Z' },
            ...{ code: 'ClusterUnavailable', message: 'no answer in 10 s', remedy: null, environments: [], count: 0 },
          },
        },
      },
      'diff cluster/eu does not answer: no answer in 10 s',
    ],
    [
      'what was given up with its reason',
      {
        kind: 'dead-letter',
        id: '1',
        data: { stage: 'reconcile', reason: 'InvalidEvent', message: 'is no job', subject: 'master/acme', event: {} },
      },
      'given up reconcile master/acme: InvalidEvent, is no job',
    ],
  ])('names %s', (_, seen, line) => {
    const { what, words } = lineOf(seen);
    expect(`${what} ${words}`).toBe(line);
  });
});
