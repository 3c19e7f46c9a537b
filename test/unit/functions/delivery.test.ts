import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Request, Response } from '@google-cloud/functions-framework';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
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
  rmSync(folder, { recursive: true, force: true });
});

it('what the status cannot read for a moment wakes nobody: it may note nothing, and its caller hears of it', async () => {
  const { answering } = await import('../../../functions/delivery.ts');
  const written: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  const json = vi.fn<(body: unknown) => void>();
  const status = vi.fn<(code: number) => { json: typeof json }>(() => ({ json }));
  const respond = answering('status', async () => {
    throw unreadableFile({ file: '/secrets/git-master/value', cause: new Error('mounted') });
  });
  const [request, response]: unknown[] = [{ headersDistinct: {}, headers: {} }, { status }];
  await respond(request as Request, response as Response);
  vi.restoreAllMocks();
  expect(status.mock.calls).toEqual([[503]]);
  expect(json.mock.calls[0]?.[0]).toMatchObject({ error: { code: 'SecretUnavailable' } });
  const lines = written.filter((line) => line.startsWith('{"severity"')).map((line): unknown => JSON.parse(line));
  expect(lines).toEqual([expect.objectContaining({ severity: 'WARNING', message: 'status failed' })]);
});
