import { z } from 'zod';
import { ConvergeError } from '../../base/errors.ts';
import type { CommitReport } from '../../notices/commit-report.ts';
import type { Post, SinkAnswer, SinkRequest } from './post.ts';

/** One of the projects of a host, and as whom it is asked. */
export interface HostAccess {
  readonly sink: string;
  readonly api: string;
  /** `family/develop` */
  readonly project: string;
  readonly token: string;
  readonly post: Post;
}

/** What a host is to show of a commit. */
export interface HostReport extends HostAccess {
  readonly branch: string;
  readonly report: CommitReport;
}

/** A pull request that is to be there, and as whom. */
export interface HostProposal extends Omit<HostReport, 'report' | 'branch'> {
  readonly from: string;
  readonly into: string;
  readonly title: string;
  /** Markdown. */
  readonly body: string;
}

/** What a host of one kind says in ways of its own. */
export interface HostManners {
  readonly receiver: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds that it wants to be left alone for. */
  readonly pauseBy: (answer: SinkAnswer) => number | undefined;
  /** What may be done about a call (`POST /projects/…`) that was refused. */
  readonly remedyOf: (refused: { readonly status: number; readonly what: string }) => string | undefined;
  /** The address of the next page of a list, by what its body says; absent: `Link` says it. */
  readonly nextPage?: (page: { readonly body: unknown; readonly url: string }) => string | undefined;
}

/** The API of one Git host, whose answers are JSON. Throws as `Post` does, and `SinkRefused` with what can be done. */
export interface HostCalls {
  /** All pages of a list, up to ten; a page is what the host names as the next one, at the same host alone. */
  list<T>(path: string, item: z.ZodType<T>): Promise<readonly T[]>;
  /** As `list`, of what holds its list under a key. */
  listIn<T>(path: string, key: string, item: z.ZodType<T>): Promise<readonly T[]>;
  read<T>(path: string, answer: z.ZodType<T>): Promise<T>;
  /** As `read`, and undefined for 404: only to be asked of a project that the token was seen to reach. */
  find<T>(path: string, answer: z.ZodType<T>): Promise<T | undefined>;
  write<T>(method: 'POST' | 'PATCH' | 'PUT', path: string, body: object, answer: z.ZodType<T>): Promise<T>;
  /** Writes, unless the host refuses it in one of the ways that are as good as done. Whether it did not. */
  tried(method: 'POST' | 'PATCH' | 'PUT', path: string, body: object, ...done: readonly Done[]): Promise<boolean>;
}

interface Done {
  readonly status: number;
  /** Absent: whatever it says. */
  readonly words?: RegExp;
}

const mostPages = 10;
/** Whatever a host answers about what it refuses is handled here. */
const refusals = [400, 401, 403, 404, 405, 409, 410, 412, 413, 422, 423] as const;

export function hostCalls({ sink, api, post }: Pick<HostAccess, 'sink' | 'api' | 'post'>, manners: HostManners) {
  const { headers, pauseBy, nextPage } = manners;
  const ask = async (request: Pick<SinkRequest, 'method' | 'url' | 'body'>): Promise<SinkAnswer> =>
    await post({ ...request, headers, pauseBy, unless: refusals });
  const checked = (answer: SinkAnswer, what: string): SinkAnswer => {
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw refusedBy({ sink, manners, answer, what });
  };
  const read = <T>(answer: SinkAnswer, schema: z.ZodType<T>, what: string): T => {
    const parsed = schema.safeParse(parseAnswer(checked(answer, what).text));
    if (parsed.success) return parsed.data;
    throw strangeAnswer({ sink, manners, what });
  };
  const pages = async <T>(path: string, item: z.ZodType<T>, key?: string): Promise<readonly T[]> => {
    const page =
      key === undefined ? z.array(item) : z.object({ [key]: z.array(item) }).transform((of) => of[key] ?? []);
    const found: T[] = [];
    let url: string | undefined = `${api}${path}`;
    for (let pageNumber = 1; url !== undefined && pageNumber <= mostPages; pageNumber++) {
      const answer: SinkAnswer = await ask({ method: 'GET', url });
      found.push(...read(answer, page, `GET ${path}`));
      const next: string | undefined =
        nextPage === undefined ? linkOf(answer) : nextPage({ body: parseAnswer(answer.text), url });
      url = next === undefined ? undefined : sameHost(next, api);
    }
    return found;
  };
  return {
    list: pages,
    listIn: async (path, key, item) => await pages(path, item, key),
    read: async (path, schema) => read(await ask({ method: 'GET', url: `${api}${path}` }), schema, `GET ${path}`),
    async find(path, schema) {
      const answer = await ask({ method: 'GET', url: `${api}${path}` });
      return answer.status === 404 ? undefined : read(answer, schema, `GET ${path}`);
    },
    async write(method, path, body, schema) {
      const answer = await ask({ method, url: `${api}${path}`, body: JSON.stringify(body) });
      return read(answer, schema, `${method} ${path}`);
    },
    async tried(method, path, body, ...done) {
      const answer = await ask({ method, url: `${api}${path}`, body: JSON.stringify(body) });
      if (done.some(({ status, words }) => answer.status === status && words?.test(answer.text) !== false))
        return false;
      checked(answer, `${method} ${path}`);
      return true;
    },
  } satisfies HostCalls as HostCalls;
}

/** Undefined for what is no JSON. */
export function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** https://www.rfc-editor.org/rfc/rfc8288 */
function linkOf({ headers }: SinkAnswer): string | undefined {
  return /<([^>]+)>;\s*rel="next"/.exec(headers.get('link') ?? '')?.[1];
}

/** A token goes to the API that the configuration names, and nowhere else. */
function sameHost(next: string, api: string): string | undefined {
  const url = URL.parse(next, api);
  return url !== null && url.origin === new URL(api).origin ? url.href : undefined;
}

/** A query is left out: it may hold the name of anything. */
function plainCall(what: string): string {
  return what.replace(/\?.*$/, '');
}

function refusedBy({
  sink,
  manners: { receiver, remedyOf },
  answer: { status, text },
  what,
}: {
  sink: string;
  manners: HostManners;
  answer: SinkAnswer;
  what: string;
}): ConvergeError {
  const remedy = remedyOf({ status, what: plainCall(what) });
  const said = wordsOf(text);
  return new ConvergeError({
    code: 'SinkRefused',
    subject: `alert sink ${sink}`,
    message: `${receiver} answered ${plainCall(what)} with ${status}${said === '' ? '' : `: ${said}`}`,
    ...(remedy === undefined ? {} : { remedy }),
    disposition: 'refuse',
  });
}

function strangeAnswer({ sink, manners, what }: { sink: string; manners: HostManners; what: string }): ConvergeError {
  return new ConvergeError({
    code: 'SinkUnavailable',
    subject: `alert sink ${sink}`,
    message: `${manners.receiver} answered ${plainCall(what)} with what is no answer of its own`,
    disposition: 'retry',
    unanswered: true,
  });
}

const saidSchema = z.object({
  message: z.unknown().optional(),
  error: z.unknown().optional(),
  errors: z.array(z.object({ message: z.unknown() })).optional(),
});
const innerSchema = z.object({ message: z.string() });

/** What the host says, in one short line. */
function wordsOf(text: string): string {
  const said = saidSchema.safeParse(parseAnswer(text)).data;
  const inner = innerSchema.safeParse(said?.error).data?.message;
  const words = said?.message ?? inner ?? said?.error ?? said?.errors?.[0]?.message ?? '';
  const line = typeof words === 'string' ? words : JSON.stringify(words);
  return line
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, 200)
    .toWellFormed();
}
