import { describe, expect, it } from 'vitest';
import { checkDrift } from '../../../shared/pipeline/check-drift.ts';
import type { Repository } from '../../../shared/pipeline/ports.ts';
import { clockAt, environmentText, recordingTopics, repositories, repositoryWith, stateInMemory, unreachableRepository } from './ports.ts';

const clock = clockAt('2026-11-21T01:00:00Z');
const master = repositoryWith({ files: { 'environments/globex.yaml': environmentText('globex'), 'environments/acme.yaml': 'broken: [' } });
const staging = repositoryWith({ repositoryClass: 'staging', files: { 'environments/acme.yaml': environmentText('acme') } });
const develop = repositoryWith({ repositoryClass: 'develop', files: undefined });

async function check(all: readonly Repository[], tick = '2026-11-21T01:00:00Z', state = stateInMemory(clock.now)) {
  const topics = recordingTopics();
  const names = all.map((repository) => repository.repositoryClass);
  const result = checkDrift({ repositories: names, tick }, { now: clock.now, repository: repositories(...all), state, topics });
  return { result, topics };
}

describe('a tick of the schedule', () => {
  it('is one job for every environment of every repository, broken ones too', async () => {
    const { result, topics } = await check([staging, master, develop]);
    expect(await result).toEqual({ checked: ['master/acme', 'master/globex', 'staging/acme'] });
    const jobs = topics.published.map(({ topic, event }) => [topic, event.subject, event.data]);
    expect(jobs).toHaveLength(3);
    expect(jobs).toContainEqual([
      'reconcile',
      'staging/acme',
      { repository: 'staging', environment: 'acme', mode: 'check', cause: 'schedule' },
    ]);
  });

  it('is a teardown for each environment that is remembered and no longer declared, but none in an empty repository', async () => {
    const state = stateInMemory(clock.now);
    for (const path of ['master/gone/memory.json', 'master/globex/memory.json', 'master/never/lease.json', 'develop/lost/memory.json', 'masters/other/memory.json']) {
      await state.write({ path: `environments/${path}`, value: {}, ifGeneration: 'absent' });
    }
    const { result, topics } = await check([master, develop], 'now', state);
    expect(await result).toEqual({ checked: ['master/acme', 'master/globex', 'master/gone'] });
    expect(topics.published.flatMap(({ event }) => ((event.data as { mode: string }).mode === 'teardown' ? [event.subject] : []))).toEqual(['master/gone']);
  });

  it('is the same jobs when it comes twice, and others the next time', async () => {
    const idsOf = async (tick: string) => {
      const { result, topics } = await check([master], tick);
      await result;
      return topics.published.map(({ event }) => event.id).toSorted();
    };
    expect(await idsOf('01:00')).toEqual(await idsOf('01:00'));
    expect(await idsOf('01:05')).not.toEqual(await idsOf('01:00'));
  });

  it('checks the other repositories where one cannot be read, and says so', async () => {
    const { result, topics } = await check([unreachableRepository('master'), staging]);
    await expect(result).rejects.toMatchObject({ code: 'GitUnavailable' });
    expect(topics.published.map(({ event }) => event.subject)).toEqual(['staging/acme']);
  });

  // A function whose answer is out may be frozen: what it had not published by then is lost.
  it('answers only when every job that can be published is', async () => {
    let published = 0;
    const topics = {
      publish: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        published += 1;
      },
    };
    const repository = repositories(unreachableRepository('master'), staging);
    const checking = checkDrift({ repositories: ['master', 'staging'], tick: 'now' }, { now: clock.now, repository, state: stateInMemory(clock.now), topics });
    await expect(checking).rejects.toThrow();
    expect(published).toBe(1);
  });
});
