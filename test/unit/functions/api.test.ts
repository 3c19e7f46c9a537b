import { once } from 'node:events';
import type { Server } from 'node:http';
import { http } from '@google-cloud/functions-framework';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { mostEntries, pageOf } from '../../../functions/api/page.ts';
import { limitRate, rates } from '../../../functions/api/rate-limit.ts';
import { listRoute, matchPath, postRoute, route } from '../../../functions/api/route.ts';
import { largestBodies } from '../../../functions/sizes.ts';
import { serve, type AskedFunction } from '../../../functions/api/serve.ts';
import { looksEach } from '../../../cli/watch-status.ts';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { problemSchema } from '../../../shared/base/problem.ts';

describe('a page', () => {
  const order = { name: 'letters', position: (entry: string) => [entry], isNewestFirst: false };

  /** All pages, one after the other; `between` changes the list after each. */
  function walk(
    entries: readonly string[],
    limit: number,
    isNewestFirst: boolean,
    between = (now: readonly string[]) => now,
  ) {
    const seen: string[] = [];
    let list = entries;
    for (let cursor: string | undefined; ;) {
      const page = pageOf(list, { ...order, isNewestFirst, limit, cursor });
      expect(page.entries.length).toBeLessThanOrEqual(limit);
      seen.push(...page.entries);
      // A cursor that leads nowhere would lead there for ever.
      if (page.next === null || page.entries.length === 0 || seen.length > 1000) return seen;
      cursor = page.next;
      list = between(list);
    }
  }

  it('after page has every entry once, in order, however they lie', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string()),
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        (entries, limit, newest) => {
          const sorted = entries.toSorted((a, b) => (a < b ? -1 : 1));
          expect(walk(entries, limit, newest)).toEqual(newest ? sorted.toReversed() : sorted);
        },
      ),
    );
  });

  it('repeats nothing, and hides nothing that was there all the time, while others come and go', () => {
    const words = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 30 });
    fc.assert(
      fc.property(words, words, fc.integer({ min: 1, max: 5 }), (stay, come, limit) => {
        const passing = come.filter((word) => !stay.includes(word));
        let turn = 0;
        const seen = walk([...stay, ...passing], limit, false, () => {
          turn += 1;
          return [...stay, ...passing.filter((_, index) => (index + turn) % 2 === 0)];
        });
        expect(new Set(seen).size).toBe(seen.length);
        expect(seen.filter((word) => stay.includes(word))).toEqual(stay.toSorted((a, b) => (a < b ? -1 : 1)));
      }),
    );
  });

  it.each([
    'x',
    '',
    '!!',
    Buffer.from('{"a":1}').toString('base64url'),
    Buffer.from('["words","a"]').toString('base64url'),
  ])('is not found by the cursor %j', (cursor) => {
    expect(() => pageOf(['a'], { ...order, limit: 1, cursor })).toThrow(
      expect.objectContaining({ code: 'BadRequest', subject: 'cursor' }),
    );
  });
});

describe('a caller', () => {
  it('may call as often as the burst at once, then as often as the rate, and no other waits for it', () => {
    const wait = limitRate({ burst: 3, perSecond: 0.5 });
    expect([0, 0, 0, 0].map((at) => wait('ana', at))).toEqual([0, 0, 0, 2]);
    expect(wait('bob', 0)).toBe(0);
    expect([1000, 1999, 2000, 2001].map((at) => wait('ana', at))).toEqual([1, 1, 0, 2]);
    expect([60_000, 60_000, 60_000, 60_000].map((at) => wait('ana', at))).toEqual([0, 0, 0, 2]);
  });

  it('that nobody has heard of for long is forgotten, and one that waits is not', () => {
    const wait = limitRate({ burst: 1, perSecond: 1 });
    for (let caller = 0; caller < 1100; caller++) wait(`caller-${caller}`, 0);
    expect(wait('caller-0', 0)).toBe(1);
    expect(wait('another', 60_000)).toBe(0);
    expect(wait('caller-0', 60_000)).toBe(0);
    expect(wait('caller-0', 60_000)).toBe(1);
  });

  it('that is `status --watch` is far from it', () => {
    expect(rates.status.perSecond * (looksEach / 1000)).toBeGreaterThan(100);
  });
});

it.each([
  ['/', '/', {}],
  ['/v1/environments', '/v1/environments/', {}],
  ['/v1/environments/{class}/{name}', '/v1/environments/master/sh%6Fp', { class: 'master', name: 'shop' }],
  ['/v1/environments/{class}/{name}', '/v1/environments/master/%ff', { class: 'master', name: '%ff' }],
  ['/v1/environments/{class}/{name}', '/v1/environments/master', undefined],
  ['/v1/environments/{class}/{name}', '/v1/environments//shop', undefined],
  ['/v1/environments/{class}/{name}', '/v1/environments/a/b/c', undefined],
  ['/v1/reports', '/v2/reports', undefined],
])('%s has of the path %s the parameters %o', (path, asked, found) => {
  expect(matchPath({ path }, asked)).toEqual(found);
});

describe('a function that is asked', () => {
  const lines: string[] = [];
  const facts = { clock: 0, error: new Error('none') };
  const rows = Array.from({ length: 7 }, (_, index) => ({ id: `row-${index}` }));
  const row = { summary: '', query: z.strictObject({}), answer: z.looseObject({}) };
  const letters = listRoute({
    ...{ list: 'rows', path: '/v1/rows', summary: '', entry: z.object({ id: z.string() }), isNewestFirst: false },
    beside: { unread: z.array(z.string()) },
    parameters: { tag: z.array(z.string()).default([]), since: z.string().regex(/^\d+$/, 'is no number').optional() },
    position: ({ id }) => [id],
    handle: async ({ query }) => ({
      entries: rows.filter(({ id }) => query.tag.length === 0 || query.tag.includes(id)),
      beside: { unread: [] },
    }),
  });
  const routes = [
    letters,
    route({ ...row, name: 'plain', path: '/v1/plain', handle: async () => ({ value: 1 }) }),
    route({
      ...{ ...row, name: 'looked', path: '/v1/looked' },
      handle: async () => ({ value: 1, at: (facts.clock += 1) }),
      essenceOf: ({ value }) => ({ value }),
    }),
    route({
      ...{ ...row, name: 'failing', path: '/v1/failing' },
      async handle() {
        throw facts.error;
      },
    }),
    postRoute({
      ...{ name: 'posted', path: '/v1/posted', summary: '', answer: row.answer },
      body: z.strictObject({ what: z.strictObject({ value: z.number() }) }),
      async handle({ body, header }) {
        if (body.what.value < 0) throw facts.error;
        return { ...body.what, match: header('if-match') ?? null };
      },
    }),
    postRoute({
      ...{ name: 'post', path: '/v1/plain', summary: '', answer: z.looseObject({}) },
      body: z.strictObject({ count: z.int() }),
      handle: async ({ body: { count } }) => ({ count }),
    }),
    route({ ...row, name: 'half', path: '/v1/half', handle: async () => ({ value: 1 }), statusOf: () => 503 }),
  ];
  const servers: Server[] = [];
  let functions = 0;

  /** A function that has not been called yet. */
  async function start(stage: AskedFunction, email = 'ana@family.example'): Promise<string> {
    const log = (severity: string, message: string): void => void lines.push(`${severity} ${message}`);
    const served = serve({ stage, routes, log, turnedAway: 'nobody' });
    const name = `asked${(functions += 1)}`;
    http(name, async (request, response) => served(request, response, { kind: 'account', email, domain: undefined }));
    const server = getTestServer(name);
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return `http://127.0.0.1:${address.port}`;
  }

  afterAll(() => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  });

  const problem = async (answer: Response) => {
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const found = problemSchema.parse(await answer.json());
    expect(found).toMatchObject({ status: answer.status, type: `https://converge.dev/problems/${found.code}` });
    return found;
  };

  it('gives a list in pages that lead from one to the next, with what was asked', async () => {
    const url = await start('status');
    const seen: string[] = [];
    let asked = `${url}/v1/rows?limit=2&tag=row-1&tag=row-3&tag=row-5`;
    for (;;) {
      const answer = await fetch(asked);
      const body = z
        .object({ rows: z.array(z.object({ id: z.string() })), next: z.string().nullable() })
        .parse(await answer.json());
      seen.push(...body.rows.map(({ id }) => id));
      const [, next] = /^<([^>]*)>; rel="next"$/.exec(answer.headers.get('link') ?? '') ?? [];
      expect(next === undefined).toBe(body.next === null);
      if (next === undefined) break;
      asked = new URL(next, asked).href;
      expect(new URL(asked).searchParams.get('cursor')).toBe(body.next);
    }
    expect(seen).toEqual(['row-1', 'row-3', 'row-5']);
  });

  it.each([
    ['/v1/rows?limit=0', 'limit'],
    [`/v1/rows?limit=${mostEntries + 1}`, 'limit'],
    ['/v1/rows?limit=many', 'limit'],
    ['/v1/rows?limit=1&limit=2', 'limit'],
    ['/v1/rows?cursor=x', 'cursor'],
    ['/v1/rows?since=now', 'since'],
    ['/v1/rows?sinec=1', 'sinec'],
    ['/v1/plain?limit=1', 'limit'],
  ])('refuses %s and names the parameter', async (path, subject) => {
    const answer = await fetch(`${await start('status')}${path}`);
    expect(answer.status).toBe(400);
    expect(await problem(answer)).toMatchObject({ code: 'BadRequest', subject });
    expect(lines.at(-1)).toBe('INFO status refused a call');
  });

  it('takes no parameter twice that has one value', async () => {
    const url = await start('status');
    for (const name of ['limit', 'since', 'cursor'])
      expect(await problem(await fetch(`${url}/v1/rows?${name}=1&${name}=1`))).toMatchObject({
        ...{ subject: name, detail: 'is given more than once' },
      });
  });

  it('takes a parameter that is empty for one that is absent', async () => {
    expect((await fetch(`${await start('status')}/v1/rows?since=&cursor=&limit=`)).status).toBe(200);
  });

  it('answers 304 as long as the bytes are the same, and all of it else', async () => {
    const url = await start('status');
    const first = await fetch(`${url}/v1/plain`);
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    expect(first.headers.get('cache-control')).toBe('private, no-cache');
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await fetch(`${url}/v1/plain`, { headers: { 'if-none-match': known } });
      expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
    }
    const other = await fetch(`${url}/v1/plain`, { headers: { 'if-none-match': '"other"' } });
    expect([other.status, await other.json()]).toEqual([200, { value: 1 }]);
  });

  it('calls the same what was only looked at later, and says that its bytes may differ', async () => {
    const url = await start('inspect');
    const first = await fetch(`${url}/v1/looked`);
    const second = await fetch(`${url}/v1/looked`);
    expect(first.headers.get('etag')).toMatch(/^W\/"/);
    expect(second.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(await second.json()).not.toEqual(await first.json());
  });

  it('gives what is only half of it no ETag, and lets nobody keep it', async () => {
    const answer = await fetch(`${await start('status')}/v1/half`);
    expect([answer.status, answer.headers.get('etag')]).toEqual([503, null]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('answers HEAD as GET, without a body', async () => {
    const url = await start('status');
    const [head, get] = [
      await fetch(`${url}/v1/rows?limit=2`, { method: 'HEAD' }),
      await fetch(`${url}/v1/rows?limit=2`),
    ];
    expect([head.status, await head.text()]).toEqual([200, '']);
    for (const name of ['etag', 'link', 'content-length', 'content-type', 'cache-control'])
      expect(head.headers.get(name)).toBe(get.headers.get(name));
  });

  it('takes what is posted to a path that is read, too, and lets nobody keep the answer', async () => {
    const url = `${await start('inspect')}/v1/plain`;
    const headers = { 'content-type': 'application/json' };
    const post = async (body: string) => fetch(url, { method: 'POST', body, headers });
    const answer = await post('{"count": 3}');
    expect([answer.status, await answer.json(), answer.headers.get('etag')]).toEqual([200, { count: 3 }, null]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await (await fetch(url)).json()).toEqual({ value: 1 });
    for (const [body, status, subject] of [
      ['{"count": "3"}', 400, 'count'],
      ['{"count": 3, "more": 1}', 400, 'more'],
      ['{', 400, 'body'],
      ['x'.repeat(largestBodies.inspect + 1), 413, 'call'],
    ] as const) {
      const refused = await post(body);
      expect(refused.status).toBe(status);
      expect(await problem(refused)).toMatchObject({ subject });
    }
    const other = await fetch(url, { method: 'PUT' });
    expect([other.status, other.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('answers 405 to %s, with what is allowed', async (method) => {
    const answer = await fetch(`${await start('status')}/v1/rows`, { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(await problem(answer)).toMatchObject({ code: 'MethodNotAllowed', subject: method });
  });

  const post = async (url: string, body: string | Uint8Array<ArrayBuffer>, type = 'application/json') =>
    fetch(`${url}/v1/posted`, { method: 'POST', body, headers: { 'content-type': type, 'if-match': '"1"' } });

  it('takes what is posted to a path where something is done, and lets nobody keep the answer', async () => {
    const url = await start('act');
    const answer = await post(url, '{"what":{"value":1}}', 'Application/JSON; charset=utf-8');
    expect([answer.status, await answer.json()]).toEqual([200, { value: 1, match: '"1"' }]);
    expect([answer.headers.get('etag'), answer.headers.get('cache-control')]).toEqual([null, 'no-store']);
    for (const method of ['GET', 'HEAD', 'PUT']) {
      const refused = await fetch(`${url}/v1/posted`, { method });
      expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'POST']);
    }
    expect((await fetch(`${url}/v1/rows`, { method: 'POST' })).headers.get('allow')).toBe('GET, HEAD');
  });

  it.each([
    ['{"what":{"value":1}}', 'text/plain', 415, 'UnsupportedMediaType', 'content-type'],
    ['{"what":', undefined, 400, 'BadRequest', 'body'],
    ['', undefined, 400, 'BadRequest', 'body'],
    [Uint8Array.of(0x22, 0xff, 0x22), undefined, 400, 'BadRequest', 'body'],
    ['7', undefined, 400, 'BadRequest', 'body'],
    ['{"what":{"value":"1"}}', undefined, 400, 'BadRequest', 'what.value'],
    ['{"what":{"value":1},"who":"ana"}', undefined, 400, 'BadRequest', 'who'],
    [JSON.stringify({ what: 'x'.repeat(64 * 1024) }), undefined, 413, 'TooLarge', 'call'],
  ] as const)(
    'refuses %.20s posted as %s by %i %s, and names what is wrong',
    async (body, type, status, code, subject) => {
      const answer = await post(await start('act'), body, type);
      expect(answer.status).toBe(status);
      expect(await problem(answer)).toMatchObject({ code, subject });
      expect(lines.at(-1)).toBe('INFO act refused a call');
    },
  );

  it.each([
    ['{"what":{"value":"1"}}', 'expected number'],
    ['{"what":{}}', 'is missing: expected number'],
    ['[]', 'expected object'],
    ['{"what":{"value":1},"who":"ana"}', 'is no key of what is asked here'],
  ])('says of %s in words of its own: %s', async (body, detail) => {
    expect(await problem(await post(await start('act'), body))).toMatchObject({ detail });
  });

  it.each([
    ['ActionConflict', 409],
    ['RollbackConflict', 409],
    ['PreconditionFailed', 412],
    ['ActionRefused', 422],
    ['RollbackRefused', 422],
    ['NotImplemented', 422],
  ] as const)('answers %s by %i', async (code, status) => {
    facts.error = new ConvergeError({ code, subject: 'master/shop', message: 'cannot be', disposition: 'refuse' });
    const answer = await post(await start('act'), '{"what":{"value":-1}}');
    expect(answer.status).toBe(status);
    expect(await problem(answer)).toMatchObject({ code, detail: 'cannot be' });
  });

  it('answers 404 to a path that is none, whatever the method, and says which there are', async () => {
    const url = await start('status');
    for (const method of ['GET', 'POST']) {
      const answer = await fetch(`${url}/v1/rosw`, { method });
      expect(answer.status).toBe(404);
      expect(await problem(answer)).toMatchObject({
        code: 'NotFound',
        subject: '/v1/rosw',
        remedy: expect.stringContaining('/v1/rows, '),
      });
    }
  });

  it.each([
    ['status', 'retry', 503, 'WARNING status failed'],
    ['inspect', 'retry', 503, 'WARNING inspect failed'],
    ['status', 'refuse', 500, 'ERROR status failed'],
    ['inspect', 'refuse', 422, 'INFO inspect refused a call'],
  ] as const)('%s answers what failed and says %s by %i, in the line %s', async (stage, disposition, status, line) => {
    const said = { subject: 'master', message: 'does not answer', remedy: 'wait' };
    facts.error = new ConvergeError({ code: 'GitUnavailable', ...said, disposition });
    const answer = await fetch(`${await start(stage)}/v1/failing`);
    expect(answer.status).toBe(status);
    const { subject, message: detail, remedy } = said;
    expect(await problem(answer)).toMatchObject({
      code: 'GitUnavailable',
      title: 'Git Unavailable',
      subject,
      detail,
      remedy,
    });
    expect(lines.at(-1)).toBe(line);
  });

  it('tells nothing of an error that nobody foresaw', async () => {
    facts.error = new Error('password=1234');
    const answer = await fetch(`${await start('status')}/v1/failing`);
    const { code, detail } = await problem(answer);
    expect([answer.status, code, detail]).toEqual([503, 'Internal', 'an unexpected error; the log says more']);
    expect(lines.at(-1)).toBe('ERROR status failed');
  });

  it('answers 429 to a caller that calls too often, and says when to come again', async () => {
    const url = await start('inspect');
    const statuses = await Promise.all(
      Array.from({ length: rates.inspect.burst }, async () => (await fetch(`${url}/v1/plain`)).status),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    const answers = await Promise.all(Array.from({ length: 40 }, async () => fetch(`${url}/v1/plain`)));
    const [refused] = answers.filter(({ status }) => status === 429);
    if (refused === undefined) throw new Error('all were let in');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await problem(refused)).toMatchObject({ code: 'TooManyCalls', subject: 'inspect' });
  });
});
