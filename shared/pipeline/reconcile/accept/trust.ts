import { createHash } from 'node:crypto';
import { ConvergeError } from '../../../base/errors.ts';
import { environmentPath, type Environment } from '../../../environment/environment-file.ts';
import type { Memory } from '../../../memory/memory.ts';
import { ruleAccepted } from '../../../memory/transitions/accept.ts';
import { judgeSigner, parseAllowedSigners, type AllowedSigner } from '../../../source/signature/allowed-signers.ts';
import { parseSignedCommit, type SignedCommit } from '../../../source/signature/signed-commit.ts';
import { verifySshSignature } from '../../../source/signature/ssh-signature.ts';
import type { TrustRoot } from '../../../ports/signatures.ts';
import type { Commit, Repository } from '../../../ports/git.ts';
import type { Run } from '../run/run.ts';

/** Whose signatures are accepted, and where that is written. */
interface Rule extends TrustRoot {
  readonly source: string;
  /** What a line of it is that cannot be read. */
  readonly code: 'SecretUnavailable' | 'InvalidEnvironment';
}

/**
 * Refuses a commit that is not signed as the operator wants it, and as the environment's file wanted it at the last
 * revision that was accepted: before anything of the commit is believed, the removal of the file included. Which commit
 * may change a rule is thereby decided by the rule that it changes.
 *
 * Throws `UntrustedRevision` (refuse), naming commit and key; for a rule that cannot be read `SecretUnavailable` (retry)
 * where it is the operator's, and `InvalidEnvironment` (refuse).
 */
export async function assertTrusted(run: Run, commit: Commit): Promise<void> {
  const root = await run.ports.signatures.trustRoot(run.repository);
  const { verified } = run.memoryFile.memory();
  const isKnown = verified?.commit === commit.id;
  await assertSigned(run, commit, [
    ...(root === undefined
      ? []
      : [{ ...root, source: `repositories.${run.repository}.verify`, code: 'SecretUnavailable' as const }]),
    ...(verified === undefined || isKnown || !hasRule(verified) ? [] : [ruleOf(run, verified)]),
  ]);
}

/**
 * Takes the rule of the file for the next revision. The first revision that has one must satisfy it itself: before it,
 * there was none.
 *
 * Throws as `assertTrusted` does, and `InvalidEnvironment` (refuse) where a file that the rule names is not there.
 */
export async function acceptRule(
  run: Run,
  { commit, environment }: { commit: Commit; environment: Pick<Environment, 'name' | 'verify'> },
): Promise<void> {
  const memory = run.memoryFile.memory();
  const { verify } = environment;
  if (verify === undefined && memory.verified === undefined) return;
  const repository = run.ports.repository(run.repository);
  const read = async (value: string | undefined) =>
    textOf({ value, repository, commit, file: environmentPath(environment.name) });
  const rule = { allowedSigners: await read(verify?.allowedSigners), openpgpKeys: await read(verify?.openpgpKeys) };
  const named = ruleOf(run, rule);
  // A rule that cannot be read would refuse every later commit, the one that mends it included.
  if (rule.allowedSigners !== undefined)
    parseAllowedSigners({ file: named.source, text: rule.allowedSigners, code: named.code });
  if (rule.openpgpKeys !== undefined && rule.openpgpKeys !== memory.verified?.openpgpKeys)
    await openpgpKeysOf(run, named);
  if (verify !== undefined && memory.verified === undefined) await assertSigned(run, commit, [named]);
  const isSame =
    memory.verified?.allowedSigners === rule.allowedSigners && memory.verified?.openpgpKeys === rule.openpgpKeys;
  if (verify === undefined || !isSame)
    run.memoryFile.remember(ruleAccepted, {
      verified: verify === undefined ? undefined : { commit: commit.id, ...rule },
    });
}

function ruleOf(run: Run, rule: Pick<NonNullable<Memory['verified']>, 'allowedSigners' | 'openpgpKeys'>): Rule {
  return {
    allowedSigners: rule.allowedSigners,
    openpgpKeys: rule.openpgpKeys,
    source: `spec.verify of ${environmentPath(run.environment)}`,
    code: 'InvalidEnvironment',
  };
}

function hasRule(rule: {
  readonly allowedSigners?: string | undefined;
  readonly openpgpKeys?: string | undefined;
}): boolean {
  return rule.allowedSigners !== undefined || rule.openpgpKeys !== undefined;
}

async function textOf({
  value,
  repository,
  commit,
  file,
}: {
  value: string | undefined;
  repository: Repository;
  commit: Commit;
  file: string;
}): Promise<string | undefined> {
  const path = value?.trim();
  if (path === undefined || /\s/.test(path)) return value;
  const bytes = await repository.readFile({ commit: commit.id, path });
  if (bytes !== undefined) return Buffer.from(bytes).toString('utf8');
  throw new ConvergeError({
    code: 'InvalidEnvironment',
    subject: file,
    message: `spec.verify names ${path}, which is not in the repository`,
    disposition: 'refuse',
  });
}

async function assertSigned(run: Run, commit: Commit, rules: readonly Rule[]): Promise<void> {
  if (rules.length === 0) return;
  const raw = await run.ports.repository(run.repository).rawCommit(commit.id);
  const hashed = createHash('sha1').update(`commit ${raw.length}\0`).update(raw).digest('hex');
  const parsed = hashed === commit.id ? parseSignedCommit(raw) : undefined;
  const why = parsed === undefined ? 'cannot be read' : await problemOf(run, parsed, rules);
  if (why === undefined) return;
  throw new ConvergeError({
    code: 'UntrustedRevision',
    subject: `commit ${commit.id}`,
    message: why,
    remedy: `nothing of it is applied; it needs a signature that ${rules.map(({ source }) => source).join(' and ')} allows`,
    disposition: 'refuse',
  });
}

/** Why not every rule accepts the commit, in words that follow it; undefined where they do. */
async function problemOf(
  run: Run,
  { payload, signature, committer }: SignedCommit,
  rules: readonly Rule[],
): Promise<string | undefined> {
  if (signature.kind === 'none') return 'is not signed';
  if (signature.kind === 'unusable') return signature.why;
  for (const rule of rules) {
    const { source } = rule;
    if (signature.kind === 'ssh') {
      const signers = signersOf(rule);
      const verdict = verifySshSignature({ armored: signature.armored, message: payload, namespace: 'git' });
      if (verdict.verdict === 'bad') return `has a signature that ${verdict.why}`;
      const signer = judgeSigner({ signers, key: verdict.key, seconds: committer.seconds });
      if (signer.verdict === 'refused')
        return `is signed by the key ${verdict.key.fingerprint}, which ${signer.why} (${source})`;
    } else {
      const verdict = await run.ports.signatures.verifyOpenpgp({
        armored: signature.armored,
        payload,
        keys: await openpgpKeysOf(run, rule),
        now: run.ports.now(),
      });
      if (verdict.verdict === 'bad')
        return `has a signature of the OpenPGP key ${verdict.key}, which ${verdict.why} (${source})`;
    }
  }
  return undefined;
}

/** Whose SSH signatures a rule accepts. Throws its code for a line that cannot be read, and for an empty secret. */
function signersOf({ allowedSigners, source, code }: Rule): readonly AllowedSigner[] {
  if (allowedSigners === undefined) return [];
  const signers = parseAllowedSigners({ file: source, text: allowedSigners, code });
  // A commit may leave nobody in its file, and says so.
  if (signers.length > 0 || code === 'InvalidEnvironment') return signers;
  throw unreadableRule({ source, code }, 'the allowed signers name nobody');
}

/** Whose OpenPGP signatures a rule accepts. Throws its code for keys that cannot be read. */
async function openpgpKeysOf(run: Run, { openpgpKeys, source, code }: Rule): Promise<string> {
  if (openpgpKeys === undefined) return '';
  const problem = await run.ports.signatures.problemOfOpenpgpKeys(openpgpKeys);
  if (problem === undefined) return openpgpKeys;
  throw unreadableRule({ source, code }, `the OpenPGP keys ${problem}`);
}

function unreadableRule({ source, code }: Pick<Rule, 'source' | 'code'>, message: string): ConvergeError {
  const [disposition, place] =
    code === 'SecretUnavailable' ? (['retry', 'its secret'] as const) : (['refuse', 'the file'] as const);
  const remedy = `put public keys that can be read, and all of them, into ${place}`;
  return new ConvergeError({ code, subject: source, message, remedy, disposition });
}
