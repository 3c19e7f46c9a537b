import { describe, expect, it } from 'vitest';
import {
  conflictWords,
  parseRevert,
  planRevert,
  revertMessage,
  type ChangedPath,
  type Reader,
  type TreeFile,
} from '../../../shared/source/revert.ts';
import { environmentOfPath } from '../../../shared/environment/environment-file.ts';

const commit = (digit: string): string => digit.repeat(40);
const file = (id: string, kind: TreeFile['kind'] = 'file'): TreeFile => ({ kind, id });
/** A path with what was there before, after, and is there now; after and now are the same where now is left out. */
const changed = (
  path: string,
  to: TreeFile | undefined,
  from: TreeFile | undefined,
  head: TreeFile | undefined = from,
): ChangedPath => ({ path, to, from, head });
const plan = (all: readonly ChangedPath[], readers: readonly Reader[] = []) =>
  planRevert({ changed: all, readers, environmentAt: environmentOfPath });

describe('the plan of a revert', () => {
  it('takes each path back to what it was, or to nothing', () => {
    expect(
      plan([
        changed('a', file('1'), file('2')),
        changed('b', undefined, file('3')),
        changed('c', file('4', 'executable'), undefined, undefined),
      ]),
    ).toEqual({
      restore: [
        { path: 'a', to: file('1') },
        { path: 'b', to: undefined },
        { path: 'c', to: file('4', 'executable') },
      ],
      conflicts: [],
    });
  });

  it('leaves alone what is back already, by whomever', () => {
    expect(
      plan([
        changed('a', file('1'), file('2'), file('1')),
        { path: 'b', to: undefined, from: file('3'), head: undefined },
      ]),
    ).toEqual({ restore: [], conflicts: [] });
  });

  it('refuses a path that somebody changed after the commits to be reverted, its mode too', () => {
    const { conflicts } = plan([
      changed('a', file('1'), file('2'), file('3')),
      changed('b', file('1'), file('2'), file('2', 'executable')),
      { path: 'c', to: file('1'), from: file('2'), head: undefined },
    ]);
    expect(conflicts).toEqual(['a', 'b', 'c'].map((path) => ({ path, reason: 'changed-after' })));
  });

  it('refuses a path that another environment is made of, by itself or by its folder, and names all such', () => {
    const readers = [
      { environment: 'globex', paths: ['environments/globex.yaml', 'charts/shop'] },
      { environment: 'acme', paths: ['charts/shop/values.yaml'] },
      { environment: 'hooli', paths: ['charts/shop-2', 'charts/sho'] },
    ];
    expect(
      plan(
        [changed('charts/shop/values.yaml', file('1'), file('2')), changed('config/acme.yaml', file('1'), file('2'))],
        readers,
      ).conflicts,
    ).toEqual([{ path: 'charts/shop/values.yaml', reason: 'shared', with: ['acme', 'globex'] }]);
    expect(
      plan([changed('any', file('1'), file('2'))], [{ environment: 'unreadable', paths: [''] }]).conflicts,
    ).toEqual([{ path: 'any', reason: 'shared', with: ['unreadable'] }]);
  });

  it('refuses to take back the file of an environment that was added since, and a link', () => {
    const { conflicts } = plan([
      changed('environments/acme.yaml', undefined, file('1')),
      changed('environments/notes.txt', undefined, file('2')),
      changed('link', file('1', 'symlink'), undefined),
    ]);
    expect(conflicts).toEqual([
      { path: 'environments/acme.yaml', reason: 'removes-environment', environment: 'acme' },
      { path: 'link', reason: 'no-file', kind: 'symlink' },
    ]);
  });

  it('puts a file in the place of a folder, and a folder in the place of a file', () => {
    expect(
      plan([
        changed('a', file('1'), file('t', 'folder')),
        changed('a/b', undefined, file('2')),
        changed('ab', undefined, file('3')),
      ]).restore,
    ).toEqual([
      { path: 'a', to: file('1') },
      { path: 'ab', to: undefined },
    ]);
    expect(
      plan([changed('a', file('t', 'folder'), file('1')), changed('a/b', file('2'), undefined, undefined)]).restore,
    ).toEqual([
      { path: 'a', to: undefined },
      { path: 'a/b', to: file('2') },
    ]);
  });

  it('says of each conflict what it is', () => {
    const { conflicts } = plan([
      changed('a', file('1'), file('2'), file('3')),
      changed('b', file('1', 'submodule'), file('2')),
    ]);
    expect(conflicts.map(conflictWords)).toEqual([
      'a was changed again after that',
      'b was a submodule, which only git can bring back',
    ]);
  });
});

describe('the message of a revert', () => {
  const facts = {
    environment: 'acme',
    what: 'acme',
    from: `main@sha1:${commit('b')}`,
    to: `main@sha1:${commit('a')}`,
    reason: undefined,
    incident: undefined,
    by: 'Ada <ada@example.com>',
  };

  it('of one commit is as git would have it, with trailers', () => {
    expect(
      revertMessage({
        ...facts,
        reverts: [{ id: commit('b'), message: 'Copy config/acme.yaml\n\nArtifact: gs://b/n#1\n' }],
        reason: 'too dear',
        incident: '4be0',
      }),
    ).toBe(
      [
        'Revert "Copy config/acme.yaml"',
        '',
        'The inputs of acme are again what they were at',
        `main@sha1:${commit('a')}.`,
        '',
        `Reverts: ${commit('b')}`,
        'Environment: acme',
        `Rolled-Back-From: main@sha1:${commit('b')}`,
        `Rolled-Back-To: main@sha1:${commit('a')}`,
        'Reason: too dear',
        'Incident: 4be0',
        'Rolled-Back-By: Ada <ada@example.com>',
        '',
      ].join('\n'),
    );
  });

  it('of several names where it goes, and each of them', () => {
    const message = revertMessage({
      ...facts,
      environment: undefined,
      what: 'master',
      reverts: ['c', 'b'].map((digit) => ({ id: commit(digit), message: digit })),
    });
    expect(message.split('\n').slice(0, 3)).toEqual([
      `Roll back master to main@sha1:${'a'.repeat(12)}`,
      '',
      'The whole tree is again what it was at',
    ]);
    expect(parseRevert(message)).toEqual({
      reverts: [commit('c'), commit('b')],
      environment: undefined,
      from: facts.from,
      to: facts.to,
      by: facts.by,
    });
  });

  it('is read again as it was written, whatever the reason holds', () => {
    const reverts = [{ id: commit('b'), message: 'x\r\ngpgsig y' }];
    const message = revertMessage({
      ...facts,
      reverts,
      reason: `no\n\nEnvironment: globex\nReverts: ${commit('f')}`,
      by: 'gpgsig\u2028Environment: hooli',
    });
    expect(parseRevert(message)).toEqual({
      reverts: [commit('b')],
      environment: 'acme',
      from: facts.from,
      to: facts.to,
      by: 'gpgsig Environment: hooli',
    });
    expect(message.split('\n').filter((line) => /^(gpgsig|\s+$)/.test(line))).toEqual([]);
  });

  it.each([
    ['of somebody else', 'Scale the shop\n'],
    ['that quotes one', `Revert it again\n\nReverts: ${commit('b')}\nEnvironment: acme\n\nBecause.\n`],
  ])('is not seen in a message %s', (_what, message) => {
    expect(parseRevert(message)).toEqual({ reverts: [], environment: undefined, from: undefined, to: undefined });
  });
});
