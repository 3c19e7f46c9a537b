import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Request, Response } from '@google-cloud/functions-framework';
import { afterAll, afterEach, beforeEach, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { route } from '../../../functions/api/route.ts';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { unreadableFile } from '../../../shared/adapters/secret-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'converge-status-'));
beforeEach(() => {
  const file = join(folder, 'converge.yaml');
  writeFileSync(
    file,
    'project: p\nstate: { bucket: s }\nrepositories: {}\nclusters: {}\naccess: open\nstorage: { endpoint: "http://127.0.0.1:9" }\n',
  );
  vi.stubEnv('CONVERGE_CONFIG', file);
  vi.stubEnv('K_SERVICE', '');
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The lines of the log that a call leaves whose work throws, and the status and body of its answer. */
async function callThatFails(stage: 'status' | 'checkDrift' | 'receivePush', error: Error) {
  const { answering, answeringAnybody, answeringRoutes } = await import('../../../functions/delivery.ts');
  const written: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  const json = vi.fn<(body: unknown) => void>();
  const status = vi.fn<(code: number) => object>(() => ({ json, type: () => ({ json }) }));
  const fail = async (): Promise<never> => {
    throw error;
  };
  const row = { name: 'it', path: '/', summary: '', query: z.object({}), answer: z.object({}) };
  const respond =
    stage === 'receivePush'
      ? answeringAnybody(stage, fail)
      : stage === 'status'
        ? answeringRoutes(stage, [route({ ...row, handle: fail })])
        : answering(stage, fail);
  const call = { method: 'GET', path: '/', query: {}, headersDistinct: {}, headers: {} };
  const [request, response]: unknown[] = [call, { status, set: () => undefined }];
  await respond(request as Request, response as Response);
  vi.restoreAllMocks();
  const lines = written.filter((line) => line.startsWith('{"severity"')).map((line): unknown => JSON.parse(line));
  return { lines, status: status.mock.calls[0]?.[0], body: json.mock.calls[0]?.[0] };
}

it('what the status cannot read for a moment wakes nobody: it may note nothing, and its caller hears of it', async () => {
  const error = unreadableFile({ file: '/secrets/git-master/value', cause: new Error('mounted') });
  expect(await callThatFails('status', error)).toMatchObject({
    lines: [{ severity: 'WARNING', message: 'status failed' }],
    status: 503,
    body: { code: 'SecretUnavailable', status: 503, subject: '/secrets/git-master/value' },
  });
});

it.each([
  ['retry', 'WARNING', 503],
  ['refuse', 'ERROR', 500],
] as const)('a call that may succeed later wakes nobody: %s is %s', async (disposition, severity, status) => {
  const facts = { subject: 'https://git.example.com/m', message: 'the Git host failed' };
  const error = new ConvergeError({ code: 'GitUnavailable', ...facts, disposition });
  expect(await callThatFails('checkDrift', error)).toMatchObject({
    lines: [{ severity, message: 'checkDrift failed' }],
    status,
  });
});

it('a call that meets an error which nobody foresaw is an ERROR', async () => {
  expect(await callThatFails('checkDrift', new Error('what?'))).toMatchObject({
    lines: [{ severity: 'ERROR' }],
    status: 503,
  });
});

it('a caller whom nobody knows is told by a webhook what is wrong with the call, and nothing of ours', async () => {
  const ours = unreadableFile({ file: '/secrets/webhook-github/value', cause: new Error('mounted') });
  const { body, status } = await callThatFails('receivePush', ours);
  expect({ body, status }).toEqual({
    status: 503,
    body: { error: { code: 'SecretUnavailable', message: 'it cannot be taken now; the log of the function says why' } },
  });
  const facts = { subject: 'webhook', message: 'the signature is not that of the body' };
  const theirs = new ConvergeError({ code: 'BadSignature', ...facts, disposition: 'refuse' });
  expect(await callThatFails('receivePush', theirs)).toMatchObject({
    status: 401,
    body: { error: { code: 'BadSignature', message: 'webhook: the signature is not that of the body' } },
  });
});
