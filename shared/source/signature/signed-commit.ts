/** A commit, taken apart as `git verify-commit` does it. */
export interface SignedCommit {
  /** What was signed: the commit's bytes without its signature. */
  readonly payload: Uint8Array;
  readonly signature: CommitSignature;
  /** Who committed it, as `Name <email>`, and when: seconds since 1970, by the committer's own clock. */
  readonly committer: { readonly identity: string; readonly seconds: number };
}

export type CommitSignature =
  | { readonly kind: 'none' }
  | { readonly kind: 'ssh' | 'openpgp'; readonly armored: string }
  /** `why`: in words that follow "commit …". */
  | { readonly kind: 'unusable'; readonly why: string };

const marks = [
  { mark: '-----BEGIN SSH SIGNATURE-----', kind: 'ssh' },
  { mark: '-----BEGIN PGP SIGNATURE-----', kind: 'openpgp' },
  { mark: '-----BEGIN PGP MESSAGE-----', kind: 'openpgp' },
] as const;

/**
 * Takes a commit apart: header lines to the first empty one, a value that goes on begins its lines with a blank
 * (gitformat-signature). Whatever git could read in two ways is unusable: two signatures, and headers that only begin
 * alike.
 *
 * Undefined for bytes that are no commit.
 *
 * @param raw the commit as it is hashed, without git's own header
 */
export function parseSignedCommit(raw: Uint8Array): SignedCommit | undefined {
  // Each byte is one character, so that nothing of the payload changes on the way.
  const text = Buffer.from(raw).toString('latin1');
  const end = text.indexOf('\n\n');
  const head = (end === -1 ? text : text.slice(0, end + 1)).split(/(?<=\n)/);
  const signatures: string[][] = [];
  const payload: string[] = [];
  let committer: SignedCommit['committer'] | undefined;
  let inSignature = false;
  let strange: string | undefined;
  for (const line of head) {
    if (line.startsWith(' ') && inSignature) {
      signatures.at(-1)?.push(line.slice(1));
      continue;
    }
    inSignature = line.startsWith('gpgsig ');
    if (inSignature) {
      signatures.push([line.slice('gpgsig '.length)]);
      continue;
    }
    if (line.startsWith('gpgsig')) strange = line.trim().split(' ')[0];
    committer ??= parseCommitter(line);
    payload.push(line);
  }
  if (committer === undefined) return undefined;
  payload.push(end === -1 ? '' : text.slice(end + 1));
  return {
    payload: Buffer.from(payload.join(''), 'latin1'),
    signature: signatureOf({ signatures, strange }),
    committer,
  };
}

function signatureOf({
  signatures,
  strange,
}: {
  signatures: readonly string[][];
  strange: string | undefined;
}): CommitSignature {
  if (strange !== undefined) return { kind: 'unusable', why: `has the header ${strange}, which is not supported` };
  const [first, ...more] = signatures;
  if (first === undefined) return { kind: 'none' };
  if (more.length > 0) return { kind: 'unusable', why: 'has more than one signature' };
  const armored = first.join('');
  const known = marks.find(({ mark }) => armored.startsWith(mark));
  if (known !== undefined) return { kind: known.kind, armored };
  const isX509 = armored.startsWith('-----BEGIN SIGNED MESSAGE-----');
  return {
    kind: 'unusable',
    why: isX509 ? 'is signed with X.509, which is not supported' : 'has a signature of an unknown kind',
  };
}

/** The time behind the last `>`, as git finds it; whatever its zone is, it says when that was. */
function parseCommitter(line: string): SignedCommit['committer'] | undefined {
  const [, identity, seconds] = /^committer (.*>)\s*(\d{1,12})(?:\s[^>]*)?$/.exec(line) ?? [];
  return identity === undefined || seconds === undefined
    ? undefined
    : { identity: Buffer.from(identity, 'latin1').toString('utf8'), seconds: Number(seconds) };
}
