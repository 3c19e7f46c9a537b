import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGit, type GitHost } from '../../local/parts/git.ts';
import { createRepositories } from '../../shared/adapters/git.ts';
import { configSchema } from '../../shared/config/config.ts';
import type { Repository } from '../../shared/ports/git.ts';
import { judgeSigner, parseAllowedSigners } from '../../shared/source/signature/allowed-signers.ts';
import { parseSignedCommit } from '../../shared/source/signature/signed-commit.ts';
import { verifySshSignature } from '../../shared/source/signature/ssh-signature.ts';

const run = promisify(execFile);
const email = 'converge@example.com';
/** ssh-keygen writes no ed25519 key in PEM. */
const inPem = ['rsa', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521'].map((kind) => `${kind}-pem`);
const kinds = ['ed25519', 'rsa', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', ...inPem];
/** Without ssh-keygen there is nobody to judge; a machine of CI has to have it. */
const isJudged = process.env['CI'] !== undefined || hasSshKeygen();
let folder: string;
let host: GitHost;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-git-signing-'));
  host = await startGit({ folder, repositories: [...kinds, 'wrong'] });
});
afterAll(async () => {
  await host.stop();
  await rm(folder, { recursive: true, force: true });
});

function hasSshKeygen(): boolean {
  try {
    execFileSync('ssh-keygen', ['-?'], { stdio: 'ignore' });
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT');
  }
  return true;
}

function open({ name, keyFile }: { name: string; keyFile: string }): Repository {
  const config = {
    repositories: configSchema.shape.repositories.parse({ master: { url: host.url(name), bucket: 'b' } }),
  };
  const author = { name: 'Converge', email, signingKey: { file: keyFile } };
  return createRepositories({
    config,
    author,
    cacheFolder: join(folder, 'cache'),
    now: () => new Date('2026-11-21T01:02:03Z'),
  })('master');
}

async function commitTwice(repository: Repository): Promise<void> {
  for (const text of ['1', '2']) {
    const changes = [{ path: 'a', content: Buffer.from(text), executable: false }];
    const message = 'Upload a\n\ngpgsig is no header here\n\nBuild: 1\n';
    const commit = await repository.commit({ parent: (await repository.fetchHead())?.id, changes, message });
    expect(commit !== 'unchanged' && (await repository.push(commit))).toBe('pushed');
  }
}

describe.skipIf(!isJudged)('a commit is signed so that git verify-commit accepts it (needs ssh-keygen)', () => {
  it.each(kinds)('%s', async (name) => {
    const [type = '', bits] = name.replace('-pem', '').split('-');
    const keyFile = join(folder, name);
    await run('ssh-keygen', ['-q', '-t', type, ...(bits === undefined ? [] : ['-b', bits]), '-N', '', '-f', keyFile]);
    const allowed = join(folder, `allowed-${name}`);
    await writeFile(allowed, `${email} namespaces="git" ${await readFile(`${keyFile}.pub`, 'utf8')}`);
    if (name.endsWith('-pem')) await run('ssh-keygen', ['-q', '-p', '-N', '', '-m', 'PKCS8', '-f', keyFile]);
    const repository = open({ name, keyFile });
    await commitTwice(repository);
    // And our own judge takes it, where its key is allowed: else `verify` would refuse every upload.
    const head = await repository.fetchHead();
    const parsed = parseSignedCommit(Buffer.from((await repository.rawCommit(head?.id ?? '')) ?? []));
    if (parsed === undefined) throw new Error('no commit');
    const verdict =
      parsed.signature.kind === 'ssh'
        ? verifySshSignature({ armored: parsed.signature.armored, message: parsed.payload, namespace: 'git' })
        : undefined;
    const signers = parseAllowedSigners({
      file: allowed,
      text: await readFile(allowed, 'utf8'),
      code: 'BadConfiguration',
    });
    expect(
      verdict?.verdict === 'good' && judgeSigner({ signers, key: verdict.key, seconds: parsed.committer.seconds }),
    ).toMatchObject({ verdict: 'allowed', principals: email });
    const git = ['--git-dir', host.path(name), '-c', `gpg.ssh.allowedSignersFile=${allowed}`];
    const { stderr } = await run('git', [...git, 'verify-commit', '-v', 'main']);
    expect(stderr).toContain(`Good "git" signature for ${email}`);
    await run('git', [...git, 'verify-commit', 'main~1']);
    await run('git', [...git, 'fsck', '--strict']);
    // Somebody else's key makes the same commit a stranger's.
    await writeFile(
      allowed,
      `${email} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJp6G2RPL5mJrOvLMwi7ewc/P6xfwnuFbjkoJM8rQq/z\n`,
    );
    await expect(run('git', [...git, 'verify-commit', 'main'])).rejects.toThrow();
  });
});

it('commits nothing with a key that is missing or wrong', async () => {
  const changes = [{ path: 'a', content: Buffer.from('1'), executable: false }];
  const wrong = join(folder, 'no-key');
  await writeFile(wrong, 'not a key');
  for (const keyFile of [wrong, join(folder, 'absent')]) {
    const commit = open({ name: 'wrong', keyFile }).commit({ parent: undefined, changes, message: 'x' });
    await expect(commit).rejects.toMatchObject({ code: 'BadConfiguration', subject: keyFile, disposition: 'refuse' });
  }
});
