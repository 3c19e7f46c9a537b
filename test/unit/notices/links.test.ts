import { describe, expect, it } from 'vitest';
import { linksOf, proposalUrl } from '../../../shared/notices/links.ts';
import type { Cause } from '../../../shared/events/alert.ts';
import { closed, opened } from '../adapters/sinks/alerts.ts';

const commit = '7b1e6a1b3d4e5f60718293a4b5c6d7e8f9012345';
const cause: Cause = {
  ...{ commit, subject: 'Copy charts/shop.tgz', author: null, artifact: 'gs://family-master/charts/shop.tgz#1' },
  ...{ build: null, restores: null },
};
const at = (repository: string | undefined, of: Partial<Cause> = {}) =>
  linksOf(opened({ cause: { ...cause, ...of } }), { repositoryUrl: () => repository });

describe('the links of a notice', () => {
  it.each([
    ['https://github.com/family/shop.git', `https://github.com/family/shop/commit/${commit}`],
    [
      'https://user@github.example.com:8443/family/shop',
      `https://github.example.com:8443/family/shop/commit/${commit}`,
    ],
    ['git@github.com:family/shop.git', `https://github.com/family/shop/commit/${commit}`],
    ['ssh://git@gitlab.example.com:2222/a/b/shop.git', `https://gitlab.example.com/a/b/shop/-/commit/${commit}`],
    ['https://gitea.example.com/family/shop/', `https://gitea.example.com/family/shop/commit/${commit}`],
    ['https://bitbucket.org/family/shop.git', `https://bitbucket.org/family/shop/commits/${commit}`],
    [
      'https://bitbucket.example.com/scm/fam/shop.git',
      `https://bitbucket.example.com/projects/fam/repos/shop/commits/${commit}`,
    ],
  ])('lead from %s to its commit', (repository, url) => {
    expect(at(repository)).toEqual([{ title: 'Commit 7b1e6a1b3d4e', url }]);
  });

  it.each([undefined, 'https://git.example.com/family/shop.git', '/var/git/github.git', 'https://notgithub.com/a/b'])(
    'lead nowhere from %s',
    (repository) => {
      expect(at(repository)).toEqual([]);
    },
  );

  it('lead to the commit that was looked at where no cause is known', () => {
    const alert = opened({ revision: `main@sha1:${commit}` });
    expect(linksOf(alert, { repositoryUrl: () => 'https://github.com/a/b' })).toMatchObject([
      { url: `https://github.com/a/b/commit/${commit}` },
    ]);
    expect(linksOf(closed, { repositoryUrl: () => 'https://github.com/a/b' })).toEqual([]);
  });

  it('lead to the build and the artifact where those have an address of the web, and say its host', () => {
    const build = 'https://ci.example.com/shop/7?a=b&c=<d>';
    expect(at(undefined, { build, artifact: 'http://files.example.com/shop.tgz' })).toEqual([
      { title: 'Build at ci.example.com', url: 'https://ci.example.com/shop/7?a=b&c=%3Cd%3E' },
      { title: 'Artifact at files.example.com', url: 'http://files.example.com/shop.tgz' },
    ]);
  });

  it.each([
    'javascript:alert(1)',
    'build 7',
    'https://user:secret@ci.example.com/',
    `https://x.example/${'a'.repeat(500)}`,
  ])('never lead to %s', (build) => {
    expect(at(undefined, { build })).toEqual([]);
  });

  it('lead from a refused upload to its build', () => {
    const data = {
      ...{ repository: 'master', artifact: 'gs://b/x#1', incident: 'a', since: '2026-11-21T01:02:03.000Z' },
      ...{ reason: 'X', message: 'x', remedy: null, author: null, build: 'https://ci.example.com/7' },
    };
    expect(linksOf({ kind: 'upload', topic: 'diff', data }, { repositoryUrl: () => undefined })).toEqual([
      { title: 'Build at ci.example.com', url: 'https://ci.example.com/7' },
    ]);
  });
});

describe('the address at which a pull request is opened', () => {
  it.each([
    ['https://github.com/family/shop.git', 'https://github.com/family/shop/compare/main...converge/accept-1'],
    [
      'ssh://git@gitea.example.com:2222/family/shop',
      'https://gitea.example.com/family/shop/compare/main...converge/accept-1',
    ],
    [
      'git@gitlab.com:a/b/shop.git',
      'https://gitlab.com/a/b/shop/-/merge_requests/new?merge_request%5Bsource_branch%5D=converge%2Faccept-1&merge_request%5Btarget_branch%5D=main',
    ],
    [
      'https://bitbucket.org/family/shop.git',
      'https://bitbucket.org/family/shop/pull-requests/new?source=converge%2Faccept-1&dest=main',
    ],
    [
      'https://bitbucket.example.com/scm/fam/shop.git',
      'https://bitbucket.example.com/projects/fam/repos/shop/pull-requests?create&sourceBranch=refs%2Fheads%2Fconverge%2Faccept-1&targetBranch=refs%2Fheads%2Fmain',
    ],
    ['https://git.example.com/family/shop.git', undefined],
  ])('is, of %s, %s', (repository, url) => {
    expect(proposalUrl({ repository, from: 'converge/accept-1', into: 'main' })).toBe(url);
  });
});
