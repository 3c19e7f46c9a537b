import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Request, Response } from '@google-cloud/functions-framework';
import { afterAll, afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { GuardedFunction } from '../../../shared/access/access.ts';
import type { tellUnreadable } from '../../../shared/pipeline/common/tell-unreadable.ts';

const folder = mkdtempSync(join(tmpdir(), 'converge-door-'));
const configuration = join(folder, 'converge.yaml');
const keys = 'http://127.0.0.1:9/keys';
const rule = '{ audiences: ["https://converge.example/"], callers: [ana@family.example] }';
const tell = vi.fn<typeof tellUnreadable>(async () => true);
beforeEach(() => {
  tell.mockClear();
  vi.resetModules();
  vi.doMock('../../../shared/pipeline/common/tell-unreadable.ts', async (original) => ({
    ...(await original<object>()),
    tellUnreadable: tell,
  }));
  vi.stubEnv('CONVERGE_CONFIG', configuration);
  vi.stubEnv('K_SERVICE', '');
});
afterEach(() => {
  vi.doUnmock('../../../shared/pipeline/common/tell-unreadable.ts');
  // The files of a worker share its modules: what is configured here is not to be found there.
  vi.resetModules();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(configuration, { force: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function configure(access: string): void {
  writeFileSync(
    configuration,
    `project: p\nstate: { bucket: s }\nrepositories: {}\nclusters: {}\naccess: ${access}\nstorage: { endpoint: "http://127.0.0.1:9" }\n`,
  );
}

/** The lines of the log that a call at a door leaves, and the status of its answer. */
async function callAt(stage: GuardedFunction) {
  const { acknowledging, answering, answeringRoutes } = await import('../../../functions/delivery.ts');
  const written: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  const handle = async (): Promise<never> => Promise.reject(new Error('it is let in'));
  const called =
    stage === 'inspect' || stage === 'status' || stage === 'act'
      ? answeringRoutes(stage, [])
      : stage === 'checkDrift' || stage === 'report'
        ? answering(stage, handle)
        : acknowledging(stage, handle);
  const answered = { json: () => undefined, type: () => answered };
  const status = vi.fn<(code: number) => object>(() => answered);
  const token = `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.e30.c2ln`;
  const headersDistinct = { authorization: [`Bearer ${token}`] };
  const [request, response]: unknown[] = [
    { headersDistinct, headers: {} },
    { status, set: () => undefined },
  ];
  await called(request as Request, response as Response);
  vi.restoreAllMocks();
  const lines = written.filter((line) => line.startsWith('{"severity"')).map((line): unknown => JSON.parse(line));
  return { lines, status: status.mock.calls[0]?.[0] };
}

const issuer = (name: GuardedFunction) =>
  `{ issuer: { name: "https://issuer.example", keys: "${keys}" }, functions: { ${name}: ${rule} } }`;

it.each(['fanOut', 'reconcile', 'checkDrift', 'deliverAlert', 'report'] as const)(
  'a door of %s that cannot read the keys of the issuer wakes nobody, and notes it',
  async (stage) => {
    configure(issuer(stage));
    expect(await callAt(stage)).toMatchObject({
      lines: [{ severity: 'WARNING', message: `${stage} let nobody in`, code: 'IssuerUnavailable' }],
      status: 503,
    });
    expect(tell.mock.calls[0]?.[0]).toMatchObject({
      error: { code: 'IssuerUnavailable', subject: keys, remedy: expect.stringMatching(/./) },
      after: 600_000,
    });
  },
);

// One may write nothing of the state, the other only what is of its class, which the message says behind the door.
it.each(['status', 'copyArtifact'] as const)('a door of %s leaves it to the others to note it', async (stage) => {
  configure(issuer(stage));
  expect(await callAt(stage)).toMatchObject({ lines: [{ severity: 'WARNING' }], status: 503 });
  expect(tell).not.toHaveBeenCalled();
});

it('a door whose configuration cannot be read wakes nobody, and can note it nowhere', async () => {
  expect(await callAt('fanOut')).toMatchObject({
    lines: [
      { severity: 'WARNING', message: 'what cannot be read could not be noted' },
      { severity: 'WARNING', message: 'fanOut let nobody in', code: 'SecretUnavailable' },
    ],
    status: 503,
  });
});

it('a door whose configuration is wrong is an ERROR: no later call is let in', async () => {
  configure('{ functions: { fanOut: closed } }');
  expect(await callAt('fanOut')).toMatchObject({
    lines: [{ severity: 'ERROR', message: 'fanOut let nobody in', code: 'BadConfiguration' }],
    status: 503,
  });
  expect(tell).not.toHaveBeenCalled();
});

it('a call that is not let in is a WARNING, and nothing to note', async () => {
  configure('{}');
  expect(await callAt('fanOut')).toMatchObject({ lines: [{ severity: 'WARNING', code: 'NotAllowed' }], status: 403 });
  expect(tell).not.toHaveBeenCalled();
});
