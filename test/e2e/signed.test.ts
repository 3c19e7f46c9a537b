import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pushUnheard, startInProcess, type InProcess } from './in-process.ts';
import { alertsOf } from './alerts.ts';
import {
  configMap,
  environmentFile,
  eventually,
  startWorld,
  tgz,
  type Clone,
  type Files,
  type World,
} from './world.ts';

const run = promisify(execFile);
let world: World;
let master: Clone;
let keys: { ana: Key; bob: Key; converge: Key };
let keysFolder: string;
const { convergedAt, diffAt } = alertsOf(() => world);

interface Key {
  /** As an allowed signers file has it. */
  readonly line: string;
  readonly fingerprint: string;
  readonly file: string;
}

beforeAll(async () => {
  keysFolder = await mkdtemp(join(tmpdir(), 'converge-keys-'));
  keys = {
    ana: await makeKey(keysFolder, 'ana'),
    bob: await makeKey(keysFolder, 'bob'),
    converge: await makeKey(keysFolder, 'converge'),
  };
  world = await startWorld({
    configuration: {
      author: { name: 'Converge', email: 'converge@example.com', signingKey: { file: keys.converge.file } },
    },
  });
  master = await world.clone();
  await master.git('config', 'gpg.format', 'ssh');
  await master.push({ 'README.md': 'Family Insurance' });
});
afterAll(async () => {
  await world.stop();
  await rm(keysFolder, { recursive: true, force: true });
});

async function makeKey(folder: string, name: string): Promise<Key> {
  const file = join(folder, name);
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file]);
  const [, fingerprint = ''] = (await run('ssh-keygen', ['-l', '-f', file])).stdout.split(' ');
  return { line: `${name}@example.com ${(await readFile(`${file}.pub`, 'utf8')).trim()}`, fingerprint, file };
}

/** What follows is committed with that key, or unsigned. */
async function signWith(key: Key | undefined): Promise<void> {
  await master.git('config', 'commit.gpgSign', String(key !== undefined));
  await master.git('config', 'user.signingKey', key?.file ?? '');
}

const messageOf = async (name: string): Promise<unknown> =>
  (await world.find('configmap', 'settings', name))?.data?.['v'];

describe("an environment's own rule", () => {
  const files = (v: string, allowed: string | undefined): Files => ({
    'environments/strict.yaml': environmentFile(
      'strict',
      allowed === undefined ? {} : { verify: { allowedSigners: allowed } },
    ),
    'manifests/strict/settings.yaml': configMap('settings', { v }),
  });
  const refused = async (commit: string): Promise<string> => {
    const diff = await diffAt('strict', commit);
    expect(diff.reason).toBe('Failed');
    return diff.summary;
  };
  const converged = async (commit: string): Promise<void> => {
    await convergedAt('strict', commit);
  };

  it('must be satisfied by the commit that brings it', async () => {
    await signWith(undefined);
    const unsigned = await master.push(files('0', keys.ana.line));
    expect(await refused(unsigned)).toMatch(new RegExp(`^UntrustedRevision: commit ${unsigned}: is not signed`));
    expect(await messageOf('strict')).toBeUndefined();
    await signWith(keys.ana);
    await converged(await master.push(files('1', keys.ana.line)));
    expect(await messageOf('strict')).toBe('1');
  });

  it('is not changed by a commit that it does not allow, and what was applied stays', async () => {
    await signWith(undefined);
    const unsigned = await master.push(files('2', undefined));
    expect(await refused(unsigned)).toContain(`commit ${unsigned}: is not signed`);
    await signWith(keys.bob);
    const foreign = await master.push(files('3', keys.bob.line));
    expect(await refused(foreign)).toContain(
      `commit ${foreign}: is signed by the key ${keys.bob.fingerprint}, which is not an allowed signer`,
    );
    const removed = await master.push({ 'environments/strict.yaml': undefined });
    expect(await refused(removed)).toContain(keys.bob.fingerprint);
    expect(await messageOf('strict')).toBe('1');
    await signWith(keys.ana);
    await converged(await master.push(files('4', keys.ana.line)));
    expect(await messageOf('strict')).toBe('4');
  });

  it('is changed by a commit that it allows: from then on the new one holds, read from a file of the repository, too', async () => {
    await signWith(keys.ana);
    await converged(await master.push({ ...files('5', 'security/signers'), 'security/signers': `${keys.bob.line}\n` }));
    const old = await master.push(files('6', 'security/signers'));
    expect(await refused(old)).toContain(keys.ana.fingerprint);
    await signWith(keys.bob);
    await converged(await master.push(files('7', 'security/signers')));
    expect(await messageOf('strict')).toBe('7');
  });

  it('is gone with a commit that it allows, and not before', async () => {
    await converged(await master.push(files('8', undefined)));
    await signWith(undefined);
    await converged(await master.push(files('9', undefined)));
    expect(await messageOf('strict')).toBe('9');
  });
});

describe("a rule that allows Converge's own key and a person's", () => {
  const settings = 'manifests/shared/settings.yaml';
  const bringsAbout = async (v: string): Promise<void> => {
    await eventually(`${v} is there`, async () => (await messageOf('shared')) === v);
  };
  const verified = async (commit: string): Promise<string> => {
    const allowed = join(keysFolder, 'allowed');
    await writeFile(allowed, `${keys.ana.line}\n${keys.converge.line}\n`);
    const { stderr } = await run('git', [
      '--git-dir',
      world.pipeline.git.path('master'),
      '-c',
      `gpg.ssh.allowedSignersFile=${allowed}`,
      'verify-commit',
      commit,
    ]);
    return stderr;
  };

  beforeAll(async () => {
    await signWith(keys.ana);
    const rule = { verify: { allowedSigners: `${keys.ana.line}\n${keys.converge.line}\n` } };
    await master.push({
      'environments/shared.yaml': environmentFile('shared', rule),
      [settings]: configMap('settings', { v: '0' }),
    });
    await bringsAbout('0');
  });

  it('accepts what CI uploads, of which Converge signs the commit, a file and a group', async () => {
    await world.upload(settings, configMap('settings', { v: 'uploaded' }));
    await bringsAbout('uploaded');
    expect(await verified(await master.head())).toContain(
      `Good "git" signature for converge@example.com with ED25519 key ${keys.converge.fingerprint}`,
    );
    await world.upload('manifests/shared.tgz', await tgz({ 'settings.yaml': configMap('settings', { v: 'group' }) }));
    await bringsAbout('group');
    expect(await verified(await master.head())).toContain(keys.converge.fingerprint);
  });

  it("refuses a person's unsigned commit and another key's, and names them, until a signed one is above it", async () => {
    await signWith(undefined);
    const unsigned = await master.push({ [settings]: configMap('settings', { v: 'unsigned' }) });
    const diff = await diffAt('shared', unsigned);
    expect(diff).toMatchObject({
      reason: 'Failed',
      summary: expect.stringContaining(`UntrustedRevision: commit ${unsigned}: is not signed`),
    });
    expect(await messageOf('shared')).toBe('group');
    await signWith(keys.bob);
    const foreign = await master.push({ [settings]: configMap('settings', { v: 'foreign' }) });
    await eventually(`${foreign} is told`, () =>
      world.diffs.find((one) => one.environment === 'shared' && one.summary.includes(keys.bob.fingerprint)),
    );
    expect(await messageOf('shared')).toBe('group');
    await signWith(keys.ana);
    await master.push({ [settings]: configMap('settings', { v: 'signed' }) });
    await bringsAbout('signed');
    await world.upload(settings, configMap('settings', { v: 'uploaded again' }));
    await bringsAbout('uploaded again');
  });
});

describe("the operator's rule", () => {
  const files = (v: string): Files => ({
    'environments/rooted.yaml': environmentFile('rooted', { deletion: 'prune' }),
    'manifests/rooted/settings.yaml': configMap('settings', { v }),
  });
  let inProcess: InProcess;
  let allowed: string;

  beforeAll(async () => {
    allowed = join(world.pipeline.folder, 'allowed_signers');
    await writeFile(allowed, `${keys.ana.line}\n`);
    inProcess = await startInProcess(world, { allowedSignersFile: allowed });
  });

  it('is asked at each revision, and no file of the repository has a say', async () => {
    await signWith(keys.ana);
    await pushUnheard(world, master, files('1'));
    expect(await inProcess.run('rooted')).toMatchObject({ outcome: 'converged' });
    await signWith(undefined);
    const unsigned = await pushUnheard(world, master, files('2'));
    expect(await inProcess.run('rooted')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining(`UntrustedRevision: commit ${unsigned}: is not signed`),
    });
    expect(await messageOf('rooted')).toBe('1');
  });

  it('is asked before an environment is taken for removed', async () => {
    const removed = await pushUnheard(world, master, {
      'environments/rooted.yaml': undefined,
      'manifests/rooted': undefined,
    });
    expect(await inProcess.run('rooted')).toMatchObject({
      outcome: 'diverged',
      summary: expect.stringContaining(removed),
    });
    expect(await messageOf('rooted')).toBe('1');
  });

  it('is read anew, and one that cannot be read trusts nobody', async () => {
    await signWith(keys.bob);
    await pushUnheard(world, master, files('3'));
    expect(await inProcess.run('rooted')).toMatchObject({
      outcome: 'diverged',
      summary: expect.stringContaining(keys.bob.fingerprint),
    });
    await writeFile(allowed, `${keys.bob.line}\n`);
    expect(await inProcess.run('rooted')).toMatchObject({ outcome: 'converged' });
    expect(await messageOf('rooted')).toBe('3');
    await writeFile(allowed, 'what is this\n');
    await expect(inProcess.run('rooted')).rejects.toMatchObject({
      code: 'SecretUnavailable',
      subject: 'repositories.master.verify:1',
      disposition: 'retry',
    });
    await writeFile(allowed, `${keys.bob.line}\n`);
    expect(await inProcess.run('rooted')).toMatchObject({ outcome: 'unchanged' });
  });
});
