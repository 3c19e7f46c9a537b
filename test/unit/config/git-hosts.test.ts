import { describe, expect, it } from 'vitest';
import { gitHostsSchema, planLabelOf, projectAt } from '../../../shared/config/git-hosts.ts';

const github = { api: 'https://api.github.com' };
const gitlab = { api: 'https://gitlab.example.com/api/v4' };

describe('the repository of a class', () => {
  it.each([
    { what: 'GitHub', host: github, url: 'https://github.com/family/develop.git', project: 'family/develop' },
    { what: 'GitHub by SSH', host: github, url: 'ssh://git@github.com/family/develop.git', project: 'family/develop' },
    { what: 'GitHub in short', host: github, url: 'git@github.com:family/develop.git', project: 'family/develop' },
    {
      what: 'a subgroup of GitLab',
      host: gitlab,
      url: 'https://gitlab.example.com:8443/family/apps/develop/',
      project: 'family/apps/develop',
    },
    {
      what: 'Bitbucket Cloud',
      host: { api: 'https://api.bitbucket.org/2.0' },
      url: 'git@bitbucket.org:family/develop.git',
      project: 'family/develop',
    },
    { what: 'another host', host: github, url: 'https://gitlab.example.com/family/develop.git', project: undefined },
    {
      what: 'a host that is only named like it',
      host: github,
      url: 'https://github.com.example.com/family/develop.git',
      project: undefined,
    },
  ])('is known to $what', ({ host, url, project }) => {
    expect(projectAt(host, { repositoryClass: 'develop', url })).toBe(project);
  });

  it.each([
    ['https://git.example.com/scm/fam/develop.git', 'https://git.example.com/rest/api/latest'],
    ['ssh://git@git.example.com:7999/fam/develop.git', 'https://git.example.com/rest/api/latest'],
    ['https://git.example.com/bitbucket/scm/fam/develop.git', 'https://git.example.com/bitbucket/rest/api/latest'],
    ['ssh://git@git.example.com:7999/fam/develop.git', 'https://git.example.com/bitbucket/rest/api/1.0'],
  ])('is known to Bitbucket Data Center by %s, whose API is %s', (url, api) => {
    const [host] = gitHostsSchema.parse([{ name: 'dc', bitbucketDataCenter: { tokenSecretFile: '/s', api } }]);
    expect(host && projectAt(host, { repositoryClass: 'develop', url })).toBe('fam/develop');
  });

  it('is known to no Bitbucket Data Center whose API is not where that has it', () => {
    const of = { tokenSecretFile: '/s', api: 'https://git.example.com' };
    const message = gitHostsSchema.safeParse([{ name: 'dc', bitbucketDataCenter: of }]).error?.message;
    expect(message).toContain('ends with no `/rest/api/latest`');
  });

  it('is found by another address of it, as where its own leads through a proxy', () => {
    const [url, aliases] = ['https://proxy.example.com/git/develop', ['https://github.com/family/develop']];
    expect(projectAt(github, { repositoryClass: 'develop', url, aliases })).toBe('family/develop');
  });

  it('is none of a host that is told of other classes', () => {
    const url = 'https://github.com/family/develop';
    expect(projectAt({ ...github, classes: ['master'] }, { repositoryClass: 'develop', url })).toBeUndefined();
    expect(projectAt({ ...github, classes: ['develop'] }, { repositoryClass: 'develop', url })).toBe('family/develop');
  });
});

it.each([
  ['none', {}, 'has none'],
  ['two', { github: { tokenSecretFile: '/s' }, gitea: { tokenSecretFile: '/s', api: 'https://h/api/v1' } }, 'has both'],
])('a host of %s is refused', (_what, of, words) => {
  const message = gitHostsSchema.safeParse([{ name: 'hub', ...of }]).error?.message;
  expect(message).toContain('needs one of github, gitlab, gitea');
  expect(message).toContain(words);
});

it('the label that lets what a fork proposes be planned has a usual name, and may have another', () => {
  const named = { name: 'hub', github: { tokenSecretFile: '/s' } };
  const labels = (planLabel?: string) =>
    gitHostsSchema.parse([{ ...named, ...(planLabel === undefined ? {} : { planLabel }) }]).map(planLabelOf);
  expect([labels(), labels('plan me')]).toEqual([['converge/plan'], ['plan me']]);
  expect(() => labels('')).toThrow();
});
