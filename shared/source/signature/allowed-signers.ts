import { ConvergeError, type ErrorCode } from '../../base/errors.ts';
import { parseTime } from '../../base/time.ts';
import { parsePublicKey, type SshPublicKey } from './public-key.ts';

/** One line of an allowed signers file (ssh-keygen(1), ALLOWED SIGNERS). */
export interface AllowedSigner {
  readonly line: number;
  /** As they stand there: `ana@example.com,*@ops.example.com`. */
  readonly principals: string;
  readonly key: SshPublicKey;
  /** For which namespaces, as patterns; undefined: for all. */
  readonly namespaces: string | undefined;
  /** Seconds since 1970, both included. */
  readonly validAfter: number | undefined;
  readonly validBefore: number | undefined;
}

export type SignerVerdict =
  | { readonly verdict: 'allowed'; readonly principals: string }
  | { readonly verdict: 'refused'; /** In words that follow "the key …". */ readonly why: string };

/** For what git signs. */
const gitNamespace = 'git';

/**
 * Whether a key may sign a commit of that time. As for git itself, the principals of the line say who that is, and need
 * not be the committer: a line is for the key, and one that fits is enough.
 *
 * @param at.seconds when it was committed, since 1970
 */
export function judgeSigner({
  signers,
  key,
  seconds,
}: {
  signers: readonly AllowedSigner[];
  key: SshPublicKey;
  seconds: number;
}): SignerVerdict {
  const lines = signers.filter((signer) => Buffer.from(signer.key.blob).equals(key.blob));
  let why = 'is not an allowed signer';
  for (const { principals, namespaces, validAfter, validBefore } of lines) {
    if (namespaces !== undefined && !matchesPatterns({ text: gitNamespace, patterns: namespaces }))
      why = `of ${principals} is allowed for ${namespaces}, not for ${gitNamespace}`;
    else if (validAfter !== undefined && seconds < validAfter)
      why = `of ${principals} was not valid yet when it was committed`;
    else if (validBefore !== undefined && seconds > validBefore)
      why = `of ${principals} was no longer valid when it was committed`;
    else return { verdict: 'allowed', principals };
  }
  return { verdict: 'refused', why };
}

/**
 * Reads an allowed signers file. A line that ssh-keygen would skip is refused: whoever wrote it meant something by it.
 *
 * @param file.code what a wrong line is
 * Throws that code, naming file and line: `SecretUnavailable` (retry), any other (refuse).
 */
export function parseAllowedSigners({
  file,
  text,
  code,
}: {
  file: string;
  text: string;
  code: ErrorCode;
}): readonly AllowedSigner[] {
  return text.split(/\r?\n/).flatMap((content, index) => {
    const trimmed = content.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    const parsed = parseLine({ content: trimmed, line: index + 1 });
    if (typeof parsed !== 'string') return [parsed];
    const disposition = code === 'SecretUnavailable' ? 'retry' : 'refuse';
    throw new ConvergeError({ code, subject: `${file}:${index + 1}`, message: parsed, disposition });
  });
}

/** The signer of a line, or what is wrong with it. */
function parseLine({ content, line }: { content: string; line: number }): AllowedSigner | string {
  const [, quoted, plain, rest = ''] = /^(?:"([^"]*)"|(\S+))\s+(.*)$/.exec(content) ?? [];
  const principals = quoted ?? plain;
  if (principals === undefined || principals === '') return 'expected principals, options and a public key';
  const options = isKeyType(rest) ? { text: '', key: rest } : splitOptions(rest);
  const [type = '', base64 = ''] = options.key.split(/\s+/);
  const key = /^[A-Za-z0-9+/]+=*$/.test(base64) ? parsePublicKey(Buffer.from(base64, 'base64')) : undefined;
  if (key === undefined || key.type !== type)
    return `expected a public key of SSH, found ${JSON.stringify(options.key.slice(0, 40))}`;
  const read = readOptions(options.text);
  if (typeof read === 'string') return read;
  if (key.usable.algorithm === 'none') return `the key ${key.fingerprint} ${key.usable.why}`;
  return { line, principals, key, ...read };
}

function isKeyType(text: string): boolean {
  return /^(?:ssh|ecdsa|sk)-[^\s="]*\s/.test(text);
}

/** Options end at the first blank outside of quotes. */
function splitOptions(text: string): { text: string; key: string } {
  const [, options = '', key = ''] = /^((?:[^\s"]|"[^"]*")*)\s+(.*)$/.exec(text) ?? [];
  return { text: options, key };
}

function readOptions(text: string): Pick<AllowedSigner, 'namespaces' | 'validAfter' | 'validBefore'> | string {
  let namespaces: string | undefined;
  let validAfter: number | undefined;
  let validBefore: number | undefined;
  for (const option of text.match(/(?:[^,"]|"[^"]*")+/g) ?? []) {
    const [, name = '', value] = /^([^=]+)(?:="([^"]*)")?$/.exec(option) ?? [];
    switch (name.toLowerCase()) {
      case 'cert-authority':
        return 'cert-authority is not supported: name the keys themselves';
      case 'namespaces':
        if (value === undefined || value === '') return 'expected namespaces="…"';
        namespaces = value;
        break;
      case 'valid-after':
        validAfter = parseSignerTime(value);
        if (validAfter === undefined)
          return `valid-after: expected a time like 20261121 or 20261121010203Z, found ${JSON.stringify(value ?? '')}`;
        break;
      case 'valid-before':
        validBefore = parseSignerTime(value);
        if (validBefore === undefined)
          return `valid-before: expected a time like 20261121 or 20261121010203Z, found ${JSON.stringify(value ?? '')}`;
        break;
      default:
        return `unknown option ${JSON.stringify(option)}`;
    }
  }
  if (validAfter !== undefined && validBefore !== undefined && validBefore <= validAfter)
    return 'valid-before is not after valid-after';
  return { namespaces, validAfter, validBefore };
}

/** `YYYYMMDD[HHMM[SS]]`, with or without `Z`: UTC either way, for a function has no time zone of its own. */
function parseSignerTime(text: string | undefined): number | undefined {
  const [, year, month, day, hour = '00', minute = '00', second = '00'] =
    /^(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?Z?$/.exec(text ?? '') ?? [];
  const milliseconds = parseTime(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}

/** A list of patterns with `*` and `?`, as ssh_config(5) has them: one behind `!` that matches refuses. */
function matchesPatterns({ text, patterns }: { text: string; patterns: string }): boolean {
  const matching = patterns.split(',').filter((pattern) => isMatch({ text, pattern: pattern.replace(/^!/, '') }));
  return matching.length > 0 && matching.every((pattern) => !pattern.startsWith('!'));
}

function isMatch({ text, pattern }: { text: string; pattern: string }): boolean {
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${expression}$`, 's').test(text);
}
