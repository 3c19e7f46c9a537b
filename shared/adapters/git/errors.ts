import { ConvergeError } from '../../base/errors.ts';
import { oneLine } from '../../source/commit-message.ts';
import { isSilence } from '../silence.ts';

interface GitErrorFacts {
  /** The repository's URL, without credentials. */
  readonly subject: string;
  readonly message: string;
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** An answer that stays: only a person changes it. */
export function gitRefused(facts: GitErrorFacts): ConvergeError {
  return new ConvergeError({ code: 'GitRefused', disposition: 'refuse', ...facts });
}

/** The host may answer otherwise later. */
export function gitUnavailable(facts: GitErrorFacts): ConvergeError {
  return new ConvergeError({ code: 'GitUnavailable', disposition: 'retry', ...facts });
}

/** What an object of Git holds stays as it is for ever: only a branch that leaves it out mends that. */
export function unreadable({
  url,
  type,
  id,
  problem,
}: {
  url: string;
  type: 'commit' | 'tree';
  id: string;
  problem: string;
}): ConvergeError {
  return new ConvergeError({
    code: 'UnreadableObject',
    subject: `${type} ${id}`,
    message: `of ${url} cannot be read: it ${problem}`,
    remedy: 'see what git fsck says of it, and take it out of the branch',
    disposition: 'refuse',
  });
}

/** An answer of the host that this instance has no memory for. */
export function tooLarge({ url, bytes }: { url: string; bytes: number }): ConvergeError {
  return new ConvergeError({
    code: 'RepositoryTooLarge',
    subject: url,
    message: `the Git host sends more than the ${Math.floor(bytes / mebibyte)} MiB that the memory of this function allows at once`,
    remedy:
      'let the host filter (uploadpack.allowFilter of git), take large files out of the branch, or give the function more memory: docs/deploy.md says how much',
    disposition: 'refuse',
  });
}

const mebibyte = 1024 * 1024;

export function isTooLarge(error: unknown): boolean {
  return error instanceof ConvergeError && error.code === 'RepositoryTooLarge';
}

/** Branches that an error names. */
const namedBranches = 10;

/** A repository that has branches is not empty, and nothing is founded in it beside them. */
export function branchMissing({
  url,
  branch,
  repositoryClass,
  others,
}: {
  url: string;
  branch: string;
  repositoryClass: string;
  others: readonly string[];
}): ConvergeError {
  const [named, more] = [
    others.slice(0, namedBranches).map((name) => oneLine(name, 100)),
    others.length - namedBranches,
  ];
  return new ConvergeError({
    code: 'BranchMissing',
    subject: url,
    message: `the branch ${branch} does not exist; it has: ${named.join(', ')}${more > 0 ? `, and ${more} more` : ''}`,
    remedy: `set repositories.${repositoryClass}.branch, or push ${branch}`,
    disposition: 'refuse',
  });
}

interface Verdict {
  readonly make: (facts: GitErrorFacts) => ConvergeError;
  readonly message: string;
  readonly remedy?: string;
}

const askedTooOften: Verdict = {
  make: gitUnavailable,
  message: 'the Git host limits how often it is asked',
  remedy: 'it is tried again; where it lasts, give this repository credentials of its own',
};

/**
 * What an HTTP status of the host means; `4xx` stands for those that are not named. What may pass is what `mayPass`
 * says, by a test.
 */
const statuses: Readonly<Record<string, Verdict>> = {
  '3xx': {
    make: gitRefused,
    message: 'redirects to somewhere else',
    remedy: 'write the address it redirects to as the URL of this repository',
  },
  '401': {
    make: gitRefused,
    message: 'does not accept the credentials',
    remedy: 'check the credentials of this repository: expired, revoked, or of another account',
  },
  '403': {
    make: gitRefused,
    message: 'does not permit this',
    remedy: 'give the credentials of this repository the right to read and write its contents',
  },
  '404': {
    make: gitRefused,
    message: 'the repository is not there, or not visible with these credentials',
    remedy: 'check its URL and the credentials',
  },
  '407': {
    make: gitRefused,
    message: 'the proxy does not accept its credentials',
    remedy: 'check user and password in the secret of `proxySecretFile` of this repository',
  },
  '408': { make: gitUnavailable, message: 'the Git host gave up waiting for the request' },
  '423': { make: gitUnavailable, message: 'the Git host holds the repository locked' },
  '425': { make: gitUnavailable, message: 'the Git host asks to be asked later' },
  '429': askedTooOften,
  '4xx': { make: gitRefused, message: 'refuses the request' },
  '5xx': { make: gitUnavailable, message: 'the Git host failed' },
};

/** The error for an answer that is no success. `words` are the host's own, secrets already taken out. */
export function statusError({
  subject,
  status,
  words,
  asksToWait,
}: {
  subject: string;
  status: number;
  words: string;
  asksToWait: boolean;
}): ConvergeError {
  // GitHub says 403, not 429, where its secondary limits are hit, and when to come back.
  const verdict =
    status === 403 && asksToWait
      ? askedTooOften
      : (statuses[String(status)] ?? statuses[`${Math.floor(status / 100)}xx`]);
  const { make, message, ...remedy } = verdict ?? {
    make: gitUnavailable,
    message: 'the Git host did not answer as it should',
  };
  return make({ subject, message: `${message} (HTTP ${status})${words === '' ? '' : `: ${words}`}`, ...remedy });
}

/** What a broken connection means, by the code of Node.js, OpenSSL or undici. */
const connections: readonly (Verdict & { codes: RegExp })[] = [
  {
    codes: /^(ENOTFOUND|EAI_)/,
    make: gitUnavailable,
    message: "the Git host's name can't be resolved",
    remedy: 'check the URL of this repository, and DNS',
  },
  {
    codes: /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH)$/,
    make: gitUnavailable,
    message: "the Git host can't be reached",
    remedy: 'check its address, firewall and proxy',
  },
  { codes: /(TIMEOUT|TIMEDOUT|ABORT_ERR)/, make: gitUnavailable, message: 'the Git host did not answer in time' },
  { codes: /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/, make: gitUnavailable, message: 'the Git host closed the connection' },
  {
    codes: /(CERT|SELF_SIGNED|UNABLE_TO_)/,
    make: gitRefused,
    message: "the Git host's certificate is not trusted",
    remedy: "name the certificate authority's file in `tls.caFile` of this repository",
  },
  {
    codes: /^(ERR_SSL_|EPROTO)/,
    make: gitRefused,
    message: 'does not speak TLS as it should',
    remedy: 'check whether its URL begins with https',
  },
];

/** The error for a request that got no whole answer. */
export function connectionError({
  subject,
  error,
  waited,
}: {
  subject: string;
  error: unknown;
  /** How long nothing came, where that is why: `60 s`. */
  waited?: string;
}): ConvergeError {
  if (error instanceof ConvergeError) return error;
  const code = systemCode(error);
  const verdict = connections.find(({ codes }) => code !== undefined && codes.test(code));
  if (verdict === undefined)
    return gitUnavailable({ subject, message: 'the Git host did not answer as it should', cause: error });
  const { make, message, remedy } = verdict;
  const after = isSilence(error) && waited !== undefined ? ` (${waited})` : '';
  return make({
    subject,
    message: `${message}${after}: ${code}`,
    ...(remedy === undefined ? {} : { remedy }),
    cause: error,
  });
}

/** What a host says of a ref it did not move, most telling first. */
const refusals: readonly { words: RegExp; remedy: string }[] = [
  { words: /shallow update not allowed/, remedy: 'allow it on the host: receive.shallowUpdate' },
  {
    words: /protected branch|GH006|GH013|repository rule|not allowed to push/i,
    remedy: "let the credentials' account push to this branch: its protection does not",
  },
  { words: /pre-receive|hook declined/, remedy: "see what the host's hook asks for" },
  { words: /non-fast-forward|fetch first/, remedy: 'see whether the branch was rewritten' },
];

/** A push that the host turned down, with its own words. */
export function pushRefused({ subject, words }: { subject: string; words: string }): ConvergeError {
  const remedy =
    refusals.find((refusal) => refusal.words.test(words))?.remedy ?? "see the host's branch protection and hooks";
  return gitRefused({ subject, message: `refused the push: ${words}`, remedy });
}

/** The code of an error of Node.js or undici, or of one of its causes. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error instanceof AggregateError && error.errors.length > 0) return systemCode(error.errors[0]);
  return error.name === 'TimeoutError' ? 'TIMEOUT' : systemCode(error.cause);
}

/** The reports of git's own receive-pack when two pushes take one ref at once and neither is through yet. */
export function lostRace(result: string): boolean {
  return /^(failed to update ref|incorrect old value provided|reference already exists|.*cannot lock ref)/.test(result);
}
