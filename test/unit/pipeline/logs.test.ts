import { describe, expect, it } from 'vitest';
import { isAbout, logsOf, type LogSubject } from '../../../shared/pipeline/logs.ts';
import type { LogEntry, Logs, Mention } from '../../../shared/ports/logs.ts';

const commit = '9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345';
const line = (id: string, fields: LogEntry['fields'], message = 'done'): LogEntry => ({
  ...{ id, severity: 'INFO', message, fields },
  time: `2026-11-21T01:00:0${id}.000Z`,
});
const acme: LogSubject = { kind: 'environment', name: 'acme', repositories: ['master', 'staging'] };
const shop: LogSubject = { kind: 'upload', bucket: 'b', name: 'charts/shop.tgz', generation: undefined };

describe('a line of the log', () => {
  it.each<[string, LogEntry['fields'], LogSubject, boolean]>([
    ['its subject', { subject: 'master/acme' }, acme, true],
    ['its subject in another class', { subject: 'develop/acme' }, acme, false],
    ['a longer name', { subject: 'master/acme-production' }, acme, false],
    ['a longer class', { subject: 'webmaster/acme' }, acme, false],
    ['a path of the state', { path: 'environments/staging/acme/lease.json' }, acme, true],
    ['a job of it', { stage: 'fanOut', subject: 'master', result: { due: ['beta', 'acme'] } }, acme, true],
    ['its removal', { stage: 'fanOut', subject: 'master', result: { due: [], removed: ['acme'] } }, acme, true],
    ['that it is untouched', { stage: 'fanOut', subject: 'master', result: { untouched: ['acme'] } }, acme, false],
    ['a job of its namesake', { stage: 'fanOut', subject: 'develop', result: { due: ['acme'] } }, acme, false],
    ['an error about it', { error: 'master/acme: the sources render to nothing' }, acme, true],
    ['the upload', { artifact: 'gs://b/charts/shop.tgz#7' }, shop, true],
    ['the upload in a sentence', { error: 'gs://b/charts/shop.tgz: holds a link' }, shop, true],
    ['a longer object', { artifact: 'gs://b/charts/shop.tgz.sig#7' }, shop, false],
    [
      'its event',
      { subject: 'objects/charts/shop.tgz', source: '//storage.googleapis.com/projects/_/buckets/b' },
      shop,
      true,
    ],
    ['an event of another bucket', { subject: 'objects/charts/shop.tgz', source: '//s/buckets/bb' }, shop, false],
    ['its generation', { artifact: 'gs://b/charts/shop.tgz#7' }, { ...shop, generation: '7' }, true],
    ['another generation', { artifact: 'gs://b/charts/shop.tgz#77' }, { ...shop, generation: '7' }, false],
    ['a commit', { result: { commit } }, { kind: 'commit', id: commit.slice(0, 7) }, true],
    ['a commit in a revision', { revision: `main@sha1:${commit}` }, { kind: 'commit', id: commit }, true],
    ['the middle of a commit', { result: { commit } }, { kind: 'commit', id: commit.slice(3, 12) }, false],
  ])('that names %s is about it or not', (_what, fields, subject, is) => {
    expect(isAbout(line('1', fields), subject)).toBe(is);
  });

  it('of a value that is deep or none is about nothing, and no error', () => {
    const deep = Array.from({ length: 50 }).reduce<unknown>((inner) => ({ inner }), 'master/acme');
    expect(isAbout(line('1', { deep, none: null, many: [1, true] }), acme)).toBe(false);
  });
});

describe('the log of an upload', () => {
  it('goes on with the commits that it became, each line once and in its order', async () => {
    const asked: (readonly Mention[])[] = [];
    const copied = line('1', { artifact: 'gs://b/charts/shop.tgz#7', stage: 'copyArtifact', result: { commit } });
    const sent = line('2', { stage: 'fanOut', subject: 'master', result: { commit, due: ['acme'] } });
    const other = line('3', { subject: 'master/other' });
    const logs: Logs = {
      async read({ mentions }) {
        asked.push(mentions);
        return { entries: [other, sent, copied], mayBeMore: asked.length === 2 };
      },
    };
    const since = new Date('2026-11-21T00:00:00Z');
    const found = await logsOf({ subject: shop, since, limit: 10 }, { logs });
    expect(found).toEqual({ entries: [copied, sent], mayBeMore: true });
    expect(asked).toEqual([[['gs://b/charts/shop.tgz'], ['/buckets/b', 'objects/charts/shop.tgz']], [[commit]]]);
    expect((await logsOf({ subject: shop, since, limit: 1 }, { logs })).entries).toEqual([sent]);
  });
});
