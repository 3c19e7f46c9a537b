import { execFile, execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Repository } from '../../shared/ports/git.ts';
import { judgeSigner, parseAllowedSigners } from '../../shared/source/signature/allowed-signers.ts';
import { parseSignedCommit } from '../../shared/source/signature/signed-commit.ts';
import { verifySshSignature } from '../../shared/source/signature/ssh-signature.ts';
import { converge, gitHostOfFile } from './git-host-of-file.ts';

const run = promisify(execFile);
const { email } = converge;
/** ssh-keygen writes no ed25519 key in PEM. */
const inPem = ['rsa', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521'].map((kind) => `${kind}-pem`);
const kinds = ['ed25519', 'rsa', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', ...inPem];
/** Without ssh-keygen there is nobody to judge; a machine of CI has to have it. */
const isJudged = process.env['CI'] !== undefined || hasSshKeygen();
const host = gitHostOfFile({ tests: kinds.length + 1 });

const open = (keyFile: string): Repository => host.open({ author: { ...converge, signingKey: { file: keyFile } } });

function hasSshKeygen(): boolean {
  try {
    execFileSync('ssh-keygen', ['-?'], { stdio: 'ignore' });
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT');
  }
  return true;
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
    const keyFile = join(host.folder, name);
    await run('ssh-keygen', ['-q', '-t', type, ...(bits === undefined ? [] : ['-b', bits]), '-N', '', '-f', keyFile]);
    const allowed = join(host.folder, `allowed-${name}`);
    await writeFile(allowed, `${email} namespaces="git" ${await readFile(`${keyFile}.pub`, 'utf8')}`);
    if (name.endsWith('-pem')) await run('ssh-keygen', ['-q', '-p', '-N', '', '-m', 'PKCS8', '-f', keyFile]);
    const repository = open(keyFile);
    await commitTwice(repository);
    const parent = (await repository.fetchHead())?.id;
    const changes = [{ path: 'a', content: Buffer.from('3'), executable: false }];
    const looked = await repository.commit({ parent, changes, message: 'Look', use: 'look' });
    const raw = looked === 'unchanged' ? '' : Buffer.from(await repository.rawCommit(looked.id)).toString();
    expect(raw).toMatch(/^tree (?:(?!gpgsig)[^])*$/);
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
    const git = ['--git-dir', host.path, '-c', `gpg.ssh.allowedSignersFile=${allowed}`];
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

it('commits nothing with a key that cannot be read, or is wrong', async () => {
  const changes = [{ path: 'a', content: Buffer.from('1'), executable: false }];
  const wrong = join(host.folder, 'no-key');
  await writeFile(wrong, 'not a key');
  const absent = join(host.folder, 'absent');
  const facts = [
    { keyFile: wrong, code: 'SecretUnavailable', disposition: 'retry' },
    { keyFile: absent, code: 'SecretUnavailable', disposition: 'retry' },
  ];
  for (const { keyFile, ...told } of facts) {
    const commit = open(keyFile).commit({ parent: undefined, changes, message: 'x' });
    await expect(commit).rejects.toMatchObject({ ...told, subject: keyFile });
  }
});
