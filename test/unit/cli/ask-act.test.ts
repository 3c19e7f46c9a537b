import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { acknowledge } from '../../../cli/acknowledge.ts';
import { act } from '../../../cli/ask-act.ts';
import { resumeEnvironment, suspendEnvironment } from '../../../cli/suspend.ts';
import { statusSchema } from '../../../shared/pipeline/common/environment-status.ts';
import { problemOf } from '../../../shared/base/problem.ts';
import { exampleOf } from '../../contracts.ts';
import { createWorld } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';

const ana = { GIT_COMMITTER_NAME: 'Ana', GIT_COMMITTER_EMAIL: 'ana@example.com', CONVERGE_ID_TOKEN: 'a-token' };
const action = { action: 'redrive' as const, letters: 'all' as const, limit: 100, dryRun: false };
const servers: ReturnType<typeof createServer>[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** Somebody whose configuration says where `act` answers, and what was asked of it. */
async function somebody(status: number, body: object) {
  const calls: { call: IncomingMessage; body: unknown }[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => (text += String(chunk)));
    request.on('end', () => {
      calls.push({ call: request, body: text === '' ? null : JSON.parse(text) });
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const context = { ...contextOf(createWorld(), ana), actUrl: `http://127.0.0.1:${address.port}/` };
  const own = async (by: string) => ({ by });
  const ask = async (options: object = {}, asked: Parameters<typeof act>[1]['action'] = action) =>
    act(context, { action: asked, options, schema: z.object({ by: z.string() }), own });
  return { context, calls, ask };
}

describe('a verb that acts', () => {
  it('asks act with a token and a key, and never asks twice with one', async () => {
    const { calls, ask } = await somebody(200, { action: 'redrive', result: { by: 'the function' } });
    expect(await ask()).toEqual({ by: 'the function' });
    await ask();
    const [first, second] = calls.map(({ call: { headers } }) => headers['idempotency-key']);
    expect(first).toMatch(/^[0-9a-f-]{36}$/);
    expect(second).not.toBe(first);
    expect(calls[0]).toMatchObject({
      call: { method: 'POST', url: '/v1/actions', headers: { authorization: 'Bearer a-token' } },
      body: action,
    });
  });

  it('needs no right of its own in Git to name an environment', async () => {
    const repository = async (): Promise<never> => {
      throw new Error('no credentials');
    };
    const changed = { outcome: 'nothing', repository: 'master', environment: 'shop', path: 'environments/shop.yaml' };
    const result = {
      ...changed,
      ...{ commit: null, message: null, diff: '', until: null, reason: null, announced: true, unannounced: null },
    };
    const { context, calls } = await somebody(200, { action: 'suspend', result });
    const alone = { ...context, open: { ...context.open, repository } };
    await suspendEnvironment(alone, 'master/shop', {});
    const status = await somebody(200, statusSchema.parse(JSON.parse(exampleOf('json status'))));
    await resumeEnvironment({ ...alone, statusUrl: status.context.actUrl }, 'acme-production', {});
    expect(calls.map(({ body }) => body)).toMatchObject([
      { action: 'suspend', environment: 'master/shop' },
      { action: 'resume', environment: 'master/acme-production' },
    ]);
    await expect(suspendEnvironment(alone, 'shop', { ownRights: true })).rejects.toThrow('no credentials');
  });

  it('goes by the rights of whoever calls where they say so, and records no reason that nobody keeps', async () => {
    const { calls, ask } = await somebody(200, {});
    expect(await ask({ ownRights: true })).toEqual({ by: 'Ana <ana@example.com>' });
    await expect(ask({ ownRights: true }, { ...action, reason: 'x' })).rejects.toMatchObject({
      subject: '--reason',
      exit: 2,
    });
    expect(calls).toEqual([]);
  });

  it.each([
    [422, 'ActionRefused', 2],
    [422, 'RollbackRefused', 2],
    [404, 'NotFound', 2],
    [400, 'BadRequest', 2],
    [409, 'RollbackConflict', 1],
    [409, 'ActionConflict', 1],
    [503, 'GitUnavailable', 1],
  ] as const)('tells of %i %s as if it had met it by itself: exit code %i', async (status, code, exit) => {
    const { ask } = await somebody(
      status,
      problemOf({ status, code, subject: '7', detail: 'is none', remedy: 'look' }),
    );
    await expect(ask()).rejects.toMatchObject({ subject: '7', problem: 'is none', remedy: 'look', exit });
  });

  it('tells whoever may not why, and what helps', async () => {
    const detail = 'may not redrive what is of no one class';
    const { ask } = await somebody(403, problemOf({ status: 403, code: 'NotAllowed', subject: 'ana', detail }));
    await expect(ask()).rejects.toMatchObject({
      problem: `ana: ${detail}`,
      exit: 1,
      remedy: expect.stringContaining('access.people'),
    });
  });

  it('takes --reason and --comment for the same, and not both', async () => {
    const incidents = [{ incident: '1', about: 'master/shop', since: '2026-11-21T01:00:00Z', summary: 'broken' }];
    const said = { outcome: 'planned', incidents, by: 'ana@example.com', at: '2026-11-21T01:00:00Z', until: null };
    const { context, calls } = await somebody(200, { result: { ...said, comment: 'mine' } });
    for (const words of [{ reason: 'mine' }, { comment: 'mine' }])
      expect((await acknowledge(context, 'shop', { ...words, dryRun: true })).lines).toEqual([
        {
          text: 'master/shop 1 (broken) would be acknowledged by ana@example.com until it ends: mine',
          tone: 'heading',
        },
      ]);
    expect(calls.map(({ body }) => body)).toMatchObject(Array(2).fill({ reason: 'mine', dryRun: true, undo: false }));
    await expect(acknowledge(context, 'shop', { reason: 'a', comment: 'b' })).rejects.toMatchObject({ exit: 2 });
  });
});
