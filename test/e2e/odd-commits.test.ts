import { execFileSync } from 'node:child_process';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Status } from '../../shared/pipeline/common/environment-status.ts';
import { configMap, environmentFile, eventually, startWorld, type Clone, type World } from './world.ts';

/*
 * A repository that is not as git leaves it: names in other encodings, odd commits, a head that nobody reads, a branch
 * that is gone.
 */

let world: World;
let master: Clone;

beforeAll(async () => {
  world = await startWorld();
  master = await world.clone();
});
afterAll(async () => {
  await world.stop();
});

function onHost(parameters: readonly string[], input: string | Buffer = ''): string {
  return execFileSync('git', ['--git-dir', world.pipeline.git.path('master'), ...parameters], { input })
    .toString('latin1')
    .trim();
}

async function statusOf(name: string): Promise<{ code: number; state: string | undefined; message: string }> {
  const answer = await fetch(world.pipeline.functions.url('status'));
  const { environments } = (await answer.json()) as Status;
  const found = environments.find((one) => one.name === name);
  return { code: answer.status, state: found?.state, message: found?.message ?? '' };
}

const valueOf = async (): Promise<string | undefined> => (await world.find('configmap', 'page', 'odd'))?.data?.['v'];
const isAt = async (value: string): Promise<void> =>
  void (await eventually(`the page is at ${value}`, async () => (await valueOf()) === value));
const look = async (): Promise<void> => await world.checkDrift().catch(() => undefined);

/** The tree of the head with another page, as a commit with these lines. */
async function oddCommit({
  value,
  author,
  committer,
  more = '',
}: {
  value: string;
  author: string;
  committer: string;
  more?: string;
}): Promise<string> {
  await master.git('fetch', '--quiet', 'origin');
  await master.git('reset', '--quiet', '--hard', 'origin/main');
  await writeFile(
    join(await master.git('rev-parse', '--show-toplevel'), 'manifests/odd/page.yaml'),
    configMap('page', { v: value }),
  );
  await master.git('add', '--all');
  const [tree, parent] = [await master.git('write-tree'), await master.git('rev-parse', 'HEAD')];
  await master.git(
    'push',
    '--quiet',
    'origin',
    `${await master.git('commit-tree', tree, '-m', 'x')}:refs/heads/brings-the-tree`,
  );
  const text = `tree ${tree}\nparent ${parent}\nauthor ${author}\ncommitter ${committer}\n${more}\n${value}\n`;
  const commit = onHost(['hash-object', '-t', 'commit', '--literally', '-w', '--stdin'], Buffer.from(text, 'latin1'));
  onHost(['update-ref', 'refs/heads/main', commit]);
  onHost(['update-ref', '-d', 'refs/heads/brings-the-tree']);
  await look();
  return commit;
}

it('leaves names that are not UTF-8 beside an upload as they are', async () => {
  await master.push({
    'environments/odd.yaml': environmentFile('odd'),
    'manifests/odd/page.yaml': configMap('page', { v: 'first' }),
    'config/a.yaml': 'a: 1\n',
  });
  await isAt('first');
  const one = onHost(['hash-object', '-w', '--stdin'], 'one\n');
  const entries = [`100644 blob ${one}\ta.yaml`, `100644 blob ${one}\tx\xfcn.txt`, `100755 blob ${one}\tx\xfdn.txt`];
  const config = onHost(['mktree', '-z'], Buffer.from(entries.join('\0'), 'latin1'));
  const root = onHost(
    ['mktree'],
    [
      ...onHost(['ls-tree', 'main'])
        .split('\n')
        .filter((line) => !line.endsWith('\tconfig')),
      `040000 tree ${config}\tconfig`,
    ].join('\n'),
  );
  const before = onHost([
    '-c',
    'user.name=A',
    '-c',
    'user.email=a@x',
    'commit-tree',
    root,
    '-p',
    'main',
    '-m',
    'Names in Latin-1',
  ]);
  onHost(['update-ref', 'refs/heads/main', before]);
  await world.upload('config/new.yaml', 'n: 1\n');
  await eventually('the upload is in Git', () => onHost(['rev-parse', 'main']) !== before);
  expect(onHost(['diff-tree', '-r', '--name-status', before, 'main'])).toBe('A\tconfig/new.yaml');
  onHost(['fsck', '--strict']);
});

it('deploys commits whose people, times and headers are odd, and the ones on top of them', async () => {
  const good = 'A <a@x> 1700000000 +0000';
  await oddCommit({
    value: 'latin',
    author: 'J\xfcrgen <j@x> 1700000000 +0200',
    committer: 'J\xfcrgen <j@x> 1700000000 +0200',
    more: 'encoding ISO-8859-1\n',
  });
  await isAt('latin');
  await oddCommit({ value: 'nobody', author: good, committer: '<a@x> 1700000000 +051800' });
  await isAt('nobody');
  await oddCommit({
    value: 'far',
    author: 'A <a@x> -100 +0000',
    committer: 'A <a@x> 99999999999',
    more: 'gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\nX-Unknown: yes\n',
  });
  await isAt('far');
  await master.push({ 'manifests/odd/page.yaml': configMap('page', { v: 'on top' }) });
  await isAt('on top');
});

it('tells a head that cannot be read, and goes on from the one that replaces it', async () => {
  const good = onHost(['rev-parse', 'main']);
  await eventually('odd is Converged', async () => (await statusOf('odd')).state === 'Converged');
  const broken = onHost(
    ['hash-object', '-t', 'commit', '--literally', '-w', '--stdin'],
    `tree ${onHost(['rev-parse', 'main^{tree}'])}\nparent none\nauthor A <a@x> 1 +0000\n\nm\n`,
  );
  await writeFile(join(world.pipeline.git.path('master'), 'refs', 'heads', 'main'), `${broken}\n`);
  await look();
  const diff = await eventually('it is told', () =>
    world.diffs.find(({ environment, summary }) => environment === 'odd' && summary.includes(broken)),
  );
  expect(diff).toMatchObject({
    reason: 'Failed',
    revision: `main@sha1:${broken}`,
    summary: expect.stringMatching(/^UnreadableObject: commit/),
  });
  expect(await statusOf('odd')).toEqual({ code: 503, state: 'Failed', message: diff.summary });
  onHost(['update-ref', 'refs/heads/main', good]);
  await look();
  await eventually('the incident is closed', () => world.converged.find(({ incident }) => incident === diff.incident));
  expect(await valueOf()).toBe('on top');
});

it('founds nothing beside other branches, says what to do, and takes uploads again once the branch is back', async () => {
  const before = onHost(['rev-parse', 'main']);
  onHost(['branch', '-m', 'main', 'trunk']);
  await world.upload('config/late.yaml', 'l: 1\n');
  const letter = await eventually('the upload is refused', () =>
    world.deadLetters.find(({ reason, stage }) => reason === 'BranchMissing' && stage === 'copyArtifact'),
  );
  expect(letter.message).toBe('the branch main does not exist; it has: trunk');
  await look();
  const diff = await eventually('it is told', () =>
    world.diffs.find(({ environment, summary }) => environment === 'odd' && summary.startsWith('BranchMissing')),
  );
  expect(diff).toMatchObject({
    reason: 'Failed',
    summary: expect.stringContaining('set repositories.master.branch, or push main'),
  });
  expect(await statusOf('odd')).toMatchObject({ code: 503, state: 'Failed', message: diff.summary });
  expect(onHost(['for-each-ref', '--format=%(refname)', 'refs/heads/'])).toBe('refs/heads/trunk');
  expect(await valueOf()).toBe('on top');

  onHost(['branch', '-m', 'trunk', 'main']);
  await look();
  await eventually('the incident is closed', () => world.converged.find(({ incident }) => incident === diff.incident));
  await world.upload('config/late.yaml', 'l: 2\n');
  await eventually('the upload is in Git', () => onHost(['rev-parse', 'main']) !== before);
  expect(onHost(['rev-list', '--parents', '-1', 'main']).split(' ')[1]).toBe(before);
});

it('founds a repository without a branch by an upload, and not a second time', async () => {
  const develop = await world.clone('develop');
  await develop.git('commit', '--quiet', '--allow-empty', '--message', 'Elsewhere');
  await develop.git('push', '--quiet', 'origin', 'HEAD:refs/tags/v1', 'HEAD:refs/converge/other');
  await world.upload('config/a.yaml', 'a: 1\n', { bucket: 'develop' });
  const founded = await eventually('it is founded', async () => (await develop.head()) || undefined);
  const gitdir = world.pipeline.git.path('develop');
  await rename(join(gitdir, 'refs', 'heads', 'main'), join(gitdir, 'was-main'));
  await world.upload('config/b.yaml', 'b: 1\n', { bucket: 'develop' });
  const letter = await eventually('the upload is refused', () =>
    world.deadLetters.find(({ reason, subject }) => reason === 'BranchMissing' && subject.includes('develop')),
  );
  expect(letter.message).toContain('which was there before');
  expect(await develop.head()).toBe('');
  await rename(join(gitdir, 'was-main'), join(gitdir, 'refs', 'heads', 'main'));
  await world.upload('config/b.yaml', 'b: 2\n', { bucket: 'develop' });
  await eventually('the upload is in Git', async () => (await develop.head()) !== founded);
});
