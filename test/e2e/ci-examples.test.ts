import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { dump, load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { bundleCommand } from '../../build/command.ts';
import { packTarball } from '../../build/pack.ts';
import { provider, startGoogle, statusAccount, type Google } from './ci/google.ts';
import { cloudBuildJob, gitHubJob, gitLabJob, jenkinsJob, type Job, type Variables } from './ci/jobs.ts';
import { pathOf, runJob, writeStandIns, type Agent, type JobEnded } from './ci/run-job.ts';
import { eventually, startWorldWithMaster, type Clone, type World } from './world.ts';

const root = join(import.meta.dirname, '../..');
const examples = join(root, 'examples/ci');
const commit = '0d6c3b1f5a7e4f0b9c28d1e6a3f47b5092ce81da';

interface Ci {
  readonly name: string;
  readonly file: string;
  /** @param text of the example */
  jobOf(text: string, name: 'deploy' | 'deploy-with-gcloud', said: Variables): Job;
  /** What the CI sets for a build of `main`, as its documentation says. */
  said(build: number): Variables;
  /** What a job has in its environment of that, and of the variables of its project; and what its expressions may name. */
  handed(said: Variables, project: Variables): { said: Variables; named?: Variables };
  /** What `converge` says of the build. */
  buildUrl(build: number): string;
}

const stages = { deploy: 'Deploy', 'deploy-with-gcloud': 'Deploy with gcloud' } as const;
const cis: readonly Ci[] = [
  {
    name: 'GitHub Actions',
    file: 'github-actions.yaml',
    jobOf: (text, name) => gitHubJob(text, name),
    said: (build) => ({
      ...{ CI: 'true', GITHUB_ACTIONS: 'true', GITHUB_REF: 'refs/heads/main', GITHUB_SHA: commit },
      ...{ GITHUB_SERVER_URL: 'https://github.com', GITHUB_REPOSITORY: 'family/shop', GITHUB_ACTOR: 'dana' },
      ...{ GITHUB_RUN_ID: String(build), GITHUB_RUN_ATTEMPT: '1', GITHUB_TRIGGERING_ACTOR: 'dana' },
    }),
    handed: (said, variables) => ({ said, named: { ...variables, CONVERGE_CONFIG_FILE: variables['CONFIG'] ?? '' } }),
    buildUrl: (build) => `https://github.com/family/shop/actions/runs/${build}`,
  },
  {
    name: 'GitLab CI',
    file: 'gitlab-ci.yaml',
    jobOf: (text, name) => gitLabJob(text, name),
    said: (build) => ({
      ...{ CI: 'true', GITLAB_CI: 'true', CI_COMMIT_BRANCH: 'main', CI_COMMIT_SHA: commit, CI_COMMIT_REF_SLUG: 'main' },
      ...{ CI_COMMIT_AUTHOR: 'Dana Weber <dana@family.example>' },
      CI_JOB_URL: `https://gitlab.com/family/shop/-/jobs/${build}`,
    }),
    handed: (said, variables) => ({ said: { ...said, ...variables } }),
    buildUrl: (build) => `https://gitlab.com/family/shop/-/jobs/${build}`,
  },
  {
    name: 'Jenkins',
    file: 'Jenkinsfile',
    jobOf: (text, name, said) => jenkinsJob(text, stages[name], said),
    said: (build) => ({
      ...{ JENKINS_URL: 'https://jenkins.family.example/', BRANCH_NAME: 'main', GIT_COMMIT: commit },
      BUILD_URL: `https://jenkins.family.example/job/shop/job/main/${build}/`,
    }),
    handed: (said, variables) => ({ said: { ...said, ...variables } }),
    buildUrl: (build) => `https://jenkins.family.example/job/shop/job/main/${build}/`,
  },
  {
    name: 'Cloud Build',
    file: 'cloudbuild.yaml',
    jobOf: (text, name, said) => {
      // The second way is there as a comment: Cloud Build has no step that is left out.
      const both = text.replace(/^ {2}# (?=(- id| {2}))/gm, '  ');
      return cloudBuildJob(both, name, { ...said, _CONVERGE_CONFIG: said['CONFIG'] ?? '' });
    },
    said: (build) => ({
      ...{ BRANCH_NAME: 'main', COMMIT_SHA: commit, BUILD_ID: `b-${build}`, PROJECT_ID: 'family' },
      LOCATION: 'europe-west3',
    }),
    handed: () => ({ said: {} }),
    buildUrl: (build) =>
      `https://console.cloud.google.com/cloud-build/builds;region=europe-west3/b-${build}?project=family`,
  },
];

let world: World;
let master: Clone;
let google: Google;
let agent: Agent;
/** Variables that an operator sets for a team's project, and `CONFIG`, the file of the configuration. */
let project: Variables;
let builds = 0;

beforeAll(async () => {
  ({ world, master } = await startWorldWithMaster());
  const { pipeline } = world;
  google = await startGoogle({ status: pipeline.facts.status, certificates: pipeline.kubernetes.certificates });
  const folder = await mkdtemp(join(pipeline.folder, 'agent-'));
  const standIns = await writeStandIns(folder);
  const commandPackage = join(folder, 'converge-0.1.0.tgz');
  const { files } = await bundleCommand({ root, name: '@converge-gitops/converge', version: '0.1.0' });
  await writeFile(commandPackage, await packTarball(files));
  const { file, storage } = await configOfJobs('master', folder);
  agent = {
    ...{ google, folder },
    files: { 'converge-token': await tokenFile(folder) },
    machine: {
      PATH: pathOf({ installed: join(folder, 'global/bin'), standIns }),
      npm_config_prefix: join(folder, 'global'),
      ...{ npm_config_offline: 'true', npm_config_audit: 'false', npm_config_update_notifier: 'false' },
      ...{ TEST_GOOGLE: google.url, NODE_EXTRA_CA_CERTS: google.authority, METADATA_SERVER_DETECTION: 'none' },
      CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE: `${storage}/`,
    },
  };
  project = {
    ...{ CONVERGE_PACKAGE: commandPackage, CONVERGE_IDENTITY_PROVIDER: provider, CONFIG: file },
    ...{ CONVERGE_STATUS_ACCOUNT: statusAccount, CONVERGE_STATUS_URL: google.statusUrl },
  };
  await installIntoImage(commandPackage);
  await master.push({ 'environments/shop.yaml': await documentedEnvironment() });
});
afterAll(async () => {
  await google.stop();
  await world.stop();
});

/** The operator's configuration, as CI of a class has it, which Storage knows by where it asks. */
async function configOfJobs(of: 'master' | 'staging', folder: string): Promise<{ file: string; storage: string }> {
  const config = load(await readFile(world.pipeline.configOfCi[of], 'utf8'));
  const { storage, ...rest } = z.looseObject({ storage: z.object({ endpoint: z.string() }) }).parse(config);
  const file = join(folder, `family-${of}.yaml`);
  await writeFile(file, dump({ ...rest, storage, status: { url: google.statusUrl } }));
  return { file, storage: storage.endpoint };
}

/** What Jenkins keeps as credentials `converge-token`: a token that it signs for the build. */
async function tokenFile(folder: string): Promise<string> {
  const file = join(folder, 'jenkins-token');
  await writeFile(file, await google.ciToken(`https://iam.googleapis.com/${provider}`));
  return file;
}

async function documentedEnvironment(): Promise<string> {
  const [, text = ''] =
    /```yaml\n(# environments\/shop\.yaml[^]*?)```/.exec(await readFile(join(examples, 'README.md'), 'utf8')) ?? [];
  return text;
}

/** As the README's recipe of an image does it, for Cloud Build. */
async function installIntoImage(commandPackage: string): Promise<void> {
  const env = { ...agent.machine, HOME: agent.folder, npm_config_prefix: join(agent.folder, 'image') };
  await promisify(execFile)('npm', ['install', '--global', commandPackage], { env });
}

/** A build of `main`, in whose checkout the folder is that of the examples, but for a file. */
async function build(
  ci: Ci,
  job: 'deploy' | 'deploy-with-gcloud',
  { settings, machine = {}, variables = {} }: { settings: string; machine?: Variables; variables?: Variables },
): Promise<JobEnded & { build: number }> {
  builds++;
  const workspace = await mkdtemp(join(agent.folder, 'workspace-'));
  await cp(join(examples, 'deploy'), join(workspace, 'deploy'), { recursive: true });
  await writeFile(join(workspace, 'deploy/settings.yaml'), settings);
  const said: Variables = { ...ci.said(builds), WORKSPACE_TMP: await mkdtemp(join(agent.folder, 'tmp-')) };
  const all: Variables = { ...project, ...variables };
  const changed: Agent = {
    ...agent,
    files: { ...agent.files, 'converge-config': all['CONFIG'] ?? '' },
    machine: { ...agent.machine, ...machineOf(ci), ...machine },
  };
  const steps = ci.jobOf(await readFile(join(examples, ci.file), 'utf8'), job, { ...said, ...all });
  return { build: builds, ...(await runJob(changed, steps, { workspace, ...ci.handed(said, all) })) };
}

/** On Cloud Build a step runs in an image that has the command, and the machine knows its account. */
function machineOf({ name }: Ci): Variables {
  if (name !== 'Cloud Build') return {};
  return {
    PATH: [join(agent.folder, 'image/bin'), agent.machine['PATH']].join(delimiter),
    ...{ METADATA_SERVER_DETECTION: 'assume-present', GCE_METADATA_HOST: google.url.slice('http://'.length) },
  };
}

const settings = (greeting: string, extra = ''): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: web-settings }\ndata:\n  greeting: ${greeting}\n${extra}`;

describe.each(cis)('the example of $name', (ci) => {
  it('deploys the folder, and waits until what it affects has converged', async () => {
    const ended = await build(ci, 'deploy', { settings: settings(ci.name) });
    expect(ended).toMatchObject({ code: 0, log: expect.stringMatching(/converged shop at main@[0-9a-f]{12}/) });
    expect((await world.find('configmap', 'web-settings', 'shop'))?.data).toEqual({ greeting: ci.name });
    await master.git('fetch', '--quiet', 'origin');
    const message = await master.git('log', '-1', '--format=%B', 'origin/main', '--', 'deploy');
    expect(message).toContain(`Source-Commit: ${commit}\nBuild: ${ci.buildUrl(ended.build)}`);
    expect(message).toMatch(/^Copy deploy\.tgz/);
  });

  it('ends with the reason where the API server takes no file of it', async () => {
    const ended = await build(ci, 'deploy', { settings: settings(ci.name, '  port: 80\n') });
    expect(ended).toMatchObject({
      code: 1,
      log: expect.stringMatching(/failed ConfigMap shop\/web-settings: .*data\.port/),
    });
  });

  it('ends with the reason, and before it uploads, where it may not ask what became of it', async () => {
    const variables = { CONVERGE_STATUS_ACCOUNT: 'another@family.iam.gserviceaccount.com' };
    // Its metadata server gives the token of the build's own account, or none.
    if (ci.name === 'Cloud Build') return;
    const ended = await build(ci, 'deploy', { settings: settings('never'), variables });
    expect(ended).toMatchObject({
      log: expect.stringContaining("Permission 'iam.serviceAccounts.getOpenIdToken' denied"),
    });
    expect(ended.code).toBeGreaterThan(0);
    expect(ended.log).not.toContain('uploads gs://');
  });

  it('uploads as well by gcloud, and nobody waits', async () => {
    const ended = await build(ci, 'deploy-with-gcloud', { settings: settings(`${ci.name} by gcloud`) });
    expect(ended).toMatchObject({ code: 0 });
    await eventually('it has converged', async () => {
      const found = await world.find('configmap', 'web-settings', 'shop');
      return found?.data?.['greeting'] === `${ci.name} by gcloud`;
    });
    await master.git('fetch', '--quiet', 'origin');
    const message = await master.git('log', '-1', '--format=%B', 'origin/main', '--', 'deploy');
    expect(message).toContain(`Source-Commit: ${commit}`);
  });

  it.each([
    ['deploy', /gs:\/\/family-master\/deploy\.tgz: Cloud Storage answered 403/],
    ['deploy-with-gcloud', /does not have storage\.objects\.\w+ access/],
  ] as const)('ends %s with the reason where it may not write to the bucket', async (job, reason) => {
    const { file, storage } = await configOfJobs('staging', agent.folder);
    const machine = { CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE: `${storage}/` };
    const ended = await build(ci, job, { settings: settings('never'), machine, variables: { CONFIG: file } });
    expect(ended).toMatchObject({ log: expect.stringMatching(reason) });
    expect(ended.code).toBeGreaterThan(0);
  });
});

describe('where the repository has a file of the name of the folder', () => {
  beforeAll(async () => {
    await master.push({ deploy: undefined });
    await master.push({ deploy: 'a note' });
  });

  it.each(cis)('the upload is refused, and the job of $name ends with the reason', async (ci) => {
    const ended = await build(ci, 'deploy', { settings: settings(`${ci.name}, refused`) });
    expect(ended).toMatchObject({ code: 1, log: expect.stringMatching(/was refused \(UnsafePath\): .*deploy/) });
  });
});
