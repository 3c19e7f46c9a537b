import { Environment } from '@marcbachmann/cel-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ofType, planOf, text, type Resource } from './plan.ts';
import { startTofu, type Tofu } from './tofu.ts';

type Claims = Readonly<Record<string, string>>;

/** As Google evaluates them: the claims of a token are `assertion`. */
const cel = new Environment().registerVariable('assertion', 'map');
const mappingSchema = z.record(z.string(), z.string());

let tofu: Tofu;
let providers: ReadonlyMap<string, Resource>;
beforeAll(async () => {
  tofu = await startTofu();
  providers = new Map(
    ofType(await planOf(tofu, 'three-classes'), 'google_iam_workload_identity_pool_provider').map((provider) => [
      text(provider, 'display_name'),
      provider,
    ]),
  );
});
afterAll(async () => tofu.stop());

function provider(name: string): Resource {
  const found = providers.get(name);
  if (found === undefined) throw new Error(`no provider ${name} is planned`);
  return found;
}

/** A claim that a token lacks is an error, and lets nobody in. */
function letsIn(name: string, claims: Claims): boolean {
  try {
    return cel.evaluate(text(provider(name), 'attribute_condition'), { assertion: claims }) === true;
  } catch {
    return false;
  }
}

function subjectOf(name: string, claims: Claims): string {
  const mapping = mappingSchema.parse(provider(name).values['attribute_mapping'])['google.subject'];
  return z.string().parse(cel.evaluate(mapping ?? '', { assertion: claims }));
}

/** As GitHub's documentation has them: https://docs.github.com/en/actions/reference/security/oidc */
const push: Claims = {
  sub: 'repo:family/shop:ref:refs/heads/main',
  repository: 'family/shop',
  repository_id: '74',
  repository_owner: 'family',
  repository_owner_id: '65',
  ref: 'refs/heads/main',
  ref_type: 'branch',
  ref_protected: 'true',
  event_name: 'push',
};

/** As GitLab's has them: https://docs.gitlab.com/ci/secrets/id_token_authentication/#token-payload */
const pipeline: Claims = {
  sub: 'project_path:family/tools:ref_type:branch:ref:feature/one',
  project_path: 'family/tools',
  project_id: '22',
  namespace_path: 'family',
  namespace_id: '7',
  ref: 'feature/one',
  ref_type: 'branch',
  ref_protected: 'false',
  pipeline_source: 'push',
};

describe('the planned conditions of CI', () => {
  it.each([
    ['a push', {}],
    ['a start by hand', { event_name: 'workflow_dispatch' }],
    ['a schedule', { event_name: 'schedule' }],
  ])('let in from GitHub: %s', (_, claims) => {
    expect(letsIn('shop-master', { ...push, ...claims })).toBe(true);
  });

  it.each([
    ['a closed pull request, which carries the branch that it was for', { event_name: 'pull_request' }],
    ['a pull_request_target, which carries it, too', { event_name: 'pull_request_target' }],
    ['what runs after a pull request', { event_name: 'workflow_run' }],
    ['a comment', { event_name: 'issue_comment' }],
    ['an open pull request', { event_name: 'pull_request', ref: 'refs/pull/7/merge', ref_protected: 'false' }],
    ['a tag of that name', { ref: 'refs/tags/main', ref_type: 'tag' }],
    ['another branch', { ref: 'refs/heads/feature/one' }],
    ['a branch that begins so', { ref: 'refs/heads/main2' }],
    ['a branch that is not protected', { ref_protected: 'false' }],
    ['another repository', { repository: 'family/other', repository_id: '75' }],
    ['whoever claimed the name of the repository anew', { repository_id: '9001' }],
    ['whoever claimed the name of its owner anew', { repository_owner_id: '9002' }],
  ])('let nobody in from GitHub for %s', (_, claims) => {
    expect(letsIn('shop-master', { ...push, ...claims })).toBe(false);
  });

  it('let nobody in whose token does not say what it is for', () => {
    for (const claim of ['repository_id', 'repository_owner_id', 'event_name', 'ref', 'ref_type', 'ref_protected']) {
      const claims = Object.fromEntries(Object.entries(push).filter(([key]) => key !== claim));
      expect(letsIn('shop-master', claims), claim).toBe(false);
    }
  });

  it('ask for protection where nobody said otherwise, and not of branches of features', () => {
    const release = { ...push, ref: 'refs/heads/release/7' };
    expect(letsIn('shop-staging', release)).toBe(true);
    expect(letsIn('shop-staging', { ...release, ref_protected: 'false' })).toBe(false);
    expect(letsIn('tools-develop', pipeline)).toBe(true);
  });

  it.each([
    ['a merge request', { pipeline_source: 'merge_request_event' }],
    ["a fork's merge request under your path", { pipeline_source: 'merge_request_event', ref: 'develop' }],
    ["a fork's external pull request", { pipeline_source: 'external_pull_request_event', ref: 'develop' }],
    ['a child of any of these', { pipeline_source: 'parent_pipeline' }],
    ['a fork', { project_path: 'stranger/tools', project_id: '23', namespace_id: '8' }],
    ['whoever claimed the path anew', { project_id: '9001' }],
    ['whoever claimed the group anew', { namespace_id: '9002' }],
    ['a tag', { ref_type: 'tag', ref: 'develop' }],
    ['another branch', { ref: 'main' }],
  ])('let nobody in from GitLab for %s', (_, claims) => {
    expect(letsIn('tools-develop', { ...pipeline, ...claims })).toBe(false);
  });

  it('let in the jobs of Jenkins that are named, and no others', () => {
    const job = { sub: 'https://jenkins.family.example/job/portal/job/develop' };
    expect(letsIn('portal-develop', job)).toBe(true);
    expect(letsIn('portal-develop', { sub: 'https://jenkins.family.example/job/other/job/develop' })).toBe(false);
  });

  it.each(['PR-7', 'PR-7-merge', 'MR-7', 'MR-7-head', 'shop/job/PR-7'])(
    'let nobody in from Jenkins for the job of a pull or merge request: %s',
    (job) => {
      expect(letsIn('portal-develop', { sub: `https://jenkins.family.example/job/portal/job/${job}/` })).toBe(false);
    },
  );

  it('map every token to a subject that Google takes, however long its branch', () => {
    const branch = `feature/${'x'.repeat(240)}`;
    const subjects = [
      subjectOf('shop-master', {
        ...push,
        ref: `refs/heads/${branch}`,
        sub: `repo:family/shop:ref:refs/heads/${branch}`,
      }),
      subjectOf('tools-develop', {
        ...pipeline,
        ref: branch,
        sub: `project_path:family/tools:ref_type:branch:ref:${branch}`,
      }),
      subjectOf('portal-develop', { sub: `https://jenkins.family.example/job/portal/job/${branch}` }),
    ];
    expect(subjects).toEqual(['github:74', 'gitlab:22', 'jenkins:portal-develop']);
    // https://docs.cloud.google.com/iam/docs/workload-identity-federation#mapping
    for (const subject of subjects) expect(Buffer.byteLength(subject)).toBeLessThanOrEqual(127);
  });
});
