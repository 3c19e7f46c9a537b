import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { storageGrants } from '../../local/fronts/storage-grants.ts';
import { reportSchema } from '../../shared/events/report.ts';
import { writeFiles } from '../write-files.ts';
import { runConverge, type Ended } from './command.ts';
import { eventually, readLog, startWorldWithMaster, type World } from './world.ts';

describe('with a right taken away in the table', () => {
  let world: World;
  beforeAll(async () => {
    const isTaken = ({ who, role }: { who: string; role: string }): boolean =>
      (who === 'copy-artifact' && role === 'roles/storage.objectUser') || who === 'status';
    expect(storageGrants.filter(isTaken)).toHaveLength(2);
    ({ world } = await startWorldWithMaster({
      grants: storageGrants.filter((grant) => !isTaken(grant)),
      attempts: 2,
    }));
  });
  afterAll(() => world.stop());

  it('the function that has it no more is refused what it did by it, as the account of its class', async () => {
    await world.upload('config/a.yaml', 'a: 1\n', { bucket: 'staging' });
    await eventually('the upload is given up', () =>
      world.deadLetters.some(({ stage, reason }) => stage === 'copyArtifact' && reason === 'GivenUp'),
    );
    expect(await readLog(world)).toContain(
      'copy-artifact-staging@local.iam.gserviceaccount.com does not have storage.objects.create access',
    );
  });

  it('a page of what it may not read is no page', async () => {
    expect((await fetch(world.pipeline.facts.status)).status).toBeGreaterThanOrEqual(500);
  });

  it('the others go on', async () => {
    await world.checkDrift();
  });

  it('an event that no class has the bucket of reaches nobody', async () => {
    const answer = await fetch(world.pipeline.functions.url('copyArtifact'), {
      method: 'POST',
      headers: { 'ce-bucket': 'family-nobody', ...(await world.pipeline.authorize('copyArtifact')) },
    });
    expect(answer.status).toBe(404);
  });
});

describe('with the rights that Terraform grants', () => {
  let world: World;
  beforeAll(async () => {
    const reports = [{ name: 'weekly', schedule: '0 6 * * 1' }];
    ({ world } = await startWorldWithMaster({ configuration: { reports } }));
  });
  afterAll(() => world.stop());

  it('CI uploads for the first time, waits for the commit, replaces what it uploaded, and asks for it again', async () => {
    await (await world.clone('staging')).push({ 'README.md': 'staging' });
    const folder = await mkdtemp(join(world.pipeline.folder, 'ci-'));
    const { staging: config } = world.pipeline.configOfCi;
    const converge = (...parameters: string[]): Promise<Ended> =>
      runConverge(['--config', config, ...parameters], { folder });
    const upload = async (content: string): Promise<string | undefined> => {
      await writeFiles(folder, { 'config/b.yaml': content });
      const options = ['--wait', '--allow-none', '--class', 'staging', '--output', 'json'];
      const ended = await converge('upload', ...options, 'config/b.yaml');
      expect(ended).toMatchObject({ code: 0, err: '' });
      const { commits } = z.object({ commits: z.tuple([z.string()]) }).parse(JSON.parse(ended.out));
      return commits[0];
    };
    expect(await upload('b: 1\n')).not.toBe(await upload('b: 2\n'));
    expect((await converge('retry-upload', '--class', 'staging', 'config/b.yaml')).err).toContain('was not refused');
  });

  it('a report is made, kept as a page, and compared with by the next', async () => {
    const { pipeline } = world;
    const { clients, functions, stateBucket } = pipeline;
    const call = async (time: string): Promise<unknown> => {
      const answer = await fetch(`${functions.url('report')}?report=weekly`, {
        method: 'POST',
        headers: { ...(await pipeline.authorize('report')), 'x-cloudscheduler-scheduletime': time },
      });
      return answer.status === 200 ? answer.json() : await answer.text();
    };
    expect(await call('2030-01-07T06:00:00Z')).toEqual({ made: ['weekly'] });
    expect(await call('2030-01-14T06:00:00Z')).toEqual({ made: ['weekly'] });
    const kept = clients.storage.bucket(stateBucket);
    expect(String(await kept.file('reports/2030-01-07-weekly.html').download())).toMatch(/^<!doctype html>/);
    const [first, second] = await Promise.all(
      ['2030-01-07', '2030-01-14'].map(async (day) =>
        reportSchema.parse(JSON.parse(String(await kept.file(`reports/${day}-weekly.json`).download()))),
      ),
    );
    expect(second?.before).toBe(first?.at);
    expect((await fetch(functions.url('report'), { method: 'POST' })).status).toBe(401);
  });

  it('CI of a class reaches no other', async () => {
    const { ci } = world.pipeline.clients;
    const stranger = ci.staging.bucket(world.pipeline.facts.buckets.master).file('config/b.yaml');
    await expect(stranger.save('b: 3\n', { resumable: false })).rejects.toMatchObject({ code: 403 });
    await expect(stranger.download()).rejects.toMatchObject({ code: 403 });
  });
});
