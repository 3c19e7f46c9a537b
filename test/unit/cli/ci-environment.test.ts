import { describe, expect, it } from 'vitest';
import { readBuild } from '../../../cli/ci-environment.ts';

describe('what a CI says of its build', () => {
  it('is read on Jenkins, of a branch', () => {
    expect(
      readBuild({
        JENKINS_URL: 'https://ci/',
        BRANCH_NAME: 'main',
        GIT_COMMIT: '4f2d',
        BUILD_URL: 'https://ci/job/shop/7/',
        GIT_AUTHOR_NAME: 'Ada',
        GIT_AUTHOR_EMAIL: 'ada@example.com',
      }),
    ).toEqual({
      ...{
        ci: 'Jenkins',
        branch: 'main',
        commit: '4f2d',
        build: 'https://ci/job/shop/7/',
        author: 'Ada <ada@example.com>',
      },
    });
    expect(readBuild({ JENKINS_URL: 'https://ci/', GIT_BRANCH: 'origin/main', CHANGE_AUTHOR: 'ada' })).toMatchObject({
      branch: 'origin/main',
      author: 'ada',
    });
  });

  it('is read on GitHub Actions, each attempt a build of its own', () => {
    const variables = {
      GITHUB_ACTIONS: 'true',
      GITHUB_SERVER_URL: 'https://github.com',
      GITHUB_REPOSITORY: 'family/shop',
      GITHUB_RUN_ID: '7',
      GITHUB_RUN_ATTEMPT: '2',
      GITHUB_SHA: '4f2d',
      GITHUB_ACTOR: 'ada',
    };
    expect(readBuild({ ...variables, GITHUB_REF: 'refs/heads/feature/x' })).toEqual({
      ...{
        ci: 'GitHub Actions',
        branch: 'refs/heads/feature/x',
        commit: '4f2d',
        build: 'https://github.com/family/shop/actions/runs/7/attempts/2',
        author: 'ada',
      },
    });
  });

  it.each([
    [
      'a pull request of GitHub, whose head may be called main',
      { GITHUB_ACTIONS: 'true', GITHUB_REF: 'refs/pull/7/merge', GITHUB_HEAD_REF: 'main' },
    ],
    ['a tag of GitHub', { GITHUB_ACTIONS: 'true', GITHUB_REF: 'refs/tags/main', GITHUB_REF_NAME: 'main' }],
    ['a merge request of GitLab', { GITLAB_CI: 'true', CI_COMMIT_REF_NAME: 'main' }],
  ])('names no branch for %s', (_what, variables) => {
    expect(readBuild(variables).branch).toBeUndefined();
  });

  it('is read on GitLab CI', () => {
    expect(
      readBuild({
        GITLAB_CI: 'true',
        CI_COMMIT_BRANCH: 'develop',
        CI_COMMIT_SHA: '4f2d',
        CI_JOB_URL: 'https://gitlab/-/jobs/7',
        CI_COMMIT_AUTHOR: 'Ada <ada@example.com>',
      }),
    ).toEqual({
      ...{
        ci: 'GitLab CI',
        branch: 'develop',
        commit: '4f2d',
        build: 'https://gitlab/-/jobs/7',
        author: 'Ada <ada@example.com>',
      },
    });
  });

  it('is read on Cloud Build, where its substitutions were handed on', () => {
    expect(
      readBuild({
        PROJECT_ID: 'family',
        BUILD_ID: 'b7',
        LOCATION: 'europe-west1',
        BRANCH_NAME: 'main',
        COMMIT_SHA: '4f2d',
      }),
    ).toEqual({
      ...{
        ci: 'Cloud Build',
        branch: 'main',
        commit: '4f2d',
        build: 'https://console.cloud.google.com/cloud-build/builds;region=europe-west1/b7?project=family',
        author: undefined,
      },
    });
  });

  it("is nothing on a person's machine, and an empty variable is none", () => {
    expect(readBuild({ BRANCH_NAME: '' })).toEqual({
      ci: undefined,
      branch: undefined,
      commit: undefined,
      build: undefined,
      author: undefined,
    });
  });
});
