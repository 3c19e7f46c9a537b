import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { configSchema } from '../../../shared/config/config.ts';
import { changeCommittedSchema } from '../../../shared/events/change-committed.ts';
import { watchDependencies } from '../../../shared/pipeline/common/watch-dependencies.ts';
import { tickOnce } from '../../../shared/pipeline/tick.ts';
import type { Repository } from '../../../shared/ports/git.ts';
import {
  clockAt,
  environmentText,
  recordingLog,
  recordingTopics,
  repositories,
  repositoryWith,
  stateInMemory,
  unreachableRepository,
} from './ports.ts';

const limits = configSchema.shape.limits.parse({});

/** One class whose bucket is empty, and somebody who waits for a sign of life. */
function setUp({ repository, isHeard = true }: { repository?: Repository; isHeard?: boolean } = {}) {
  const clock = clockAt('2026-11-28T05:00:00Z');
  const files = { 'environments/acme.yaml': environmentText('acme') };
  const log = recordingLog();
  const topics = recordingTopics();
  const ports = {
    ...{ now: clock.now, log, topics, state: stateInMemory(clock.now) },
    sleep: async (milliseconds: number) => clock.forward(milliseconds / 1000),
    repository: repositories(repository ?? repositoryWith({ files })),
    buckets: { find: async () => undefined, list: async () => [], read: async () => undefined },
    unpack: () => {
      throw new Error('nothing was uploaded');
    },
  };
  const dependencies = { classOfBucket: new Map([['family-master', 'master']]), unreachableAfter: 120_000 };
  const beats: number[] = [];
  const heartbeat = {
    async beat() {
      beats.push(topics.published.length);
      if (!isHeard)
        throw new ConvergeError({ code: 'SinkUnavailable', subject: 'a', message: 'b', disposition: 'retry' });
    },
  };
  const tick = async () =>
    tickOnce(
      {
        ...{ tick: clock.now().toISOString(), dependencies, sinks: [] },
        gitHosts: [{ name: 'hub', kind: 'github', api: 'https://api.github.com', tokenSecretFile: '/s' }],
        repositories: {
          master: { bucket: 'family-master', writeback: false, url: 'https://github.com/family/master.git' },
        },
        copySettings: (repositoryClass) => ({ repositoryClass, limits, conflicts: 'refuse', holder: 'one' }),
      },
      { ...ports, heartbeat, redrive: async () => {}, watch: watchDependencies(dependencies, ports) },
    );
  return { tick, clock, log, beats, state: ports.state, published: topics.published };
}

describe('a tick of the schedule', () => {
  it('says that it is alive once all is done', async () => {
    const { tick, beats, published, log } = setUp();
    expect(await tick()).toEqual({ checked: ['master/acme'], copied: [] });
    expect(beats).toEqual([published.length]);
    expect(log.lines).toEqual([]);
  });

  it('is done though nobody hears that', async () => {
    const { tick, log } = setUp({ isHeard: false });
    expect(await tick()).toEqual({ checked: ['master/acme'], copied: [] });
    expect(log.lines).toEqual(['WARNING the heartbeat was not taken']);
  });

  it('that did not do all says nothing, and tells the Git host that does not answer once that has lasted', async () => {
    const { tick, clock, beats, published } = setUp({ repository: unreachableRepository('master') });
    for (const _tick of [1, 2, 3]) {
      await expect(tick()).rejects.toMatchObject({ code: 'GitUnavailable' });
      clock.forward(300);
    }
    expect(beats).toEqual([]);
    expect(published.map(({ event: { type, subject } }) => `${type} ${subject}`)).toEqual([
      'dev.converge.dependency.unreachable.v1 repository/master',
    ]);
  });

  it('announces a commit again of which a Git host does not know, and no other', async () => {
    const { tick, clock, state, published } = setUp();
    const [known, left] = ['d'.repeat(40), 'e'.repeat(40)];
    const path = 'commits/hub/master.json';
    const commits = [
      { commit: left, shows: null },
      { commit: known, shows: 'as it is' },
    ];
    await state.write({ path, value: { version: 1, writer: null, commits }, ifGeneration: 'absent' });
    const announced = () => {
      const changes = published.filter(({ topic }) => topic === 'change-committed');
      const named = changes.map(({ event }) => changeCommittedSchema.parse(event.data));
      return named.filter(({ commit }) => [known, left].includes(commit));
    };
    await tick();
    expect(announced()).toEqual([]);
    clock.forward(300);
    await tick();
    expect(announced()).toMatchObject([{ repository: 'master', commit: left, artifacts: [] }]);
    const value = { version: 1, writer: null, commits: commits.slice(1) };
    await state.write({ path, value, ifGeneration: 'any' });
    clock.forward(300);
    await tick();
    expect(announced()).toHaveLength(1);
  });

  it('announces it less and less often where the host goes on refusing, and as ever once it does not', async () => {
    const { tick, clock, state, published } = setUp();
    const path = 'commits/hub/master.json';
    const left = 'e'.repeat(40);
    const commits = [{ commit: left, shows: null }];
    const announced = () => {
      const changes = published.filter(({ topic }) => topic === 'change-committed');
      return changes.filter(({ event }) => changeCommittedSchema.parse(event.data).commit === left).length;
    };
    const pauses = [
      { failures: 0, minutes: 2 },
      { failures: 1, minutes: 2 },
      { failures: 2, minutes: 4 },
      { failures: 5, minutes: 32 },
      { failures: 1_000, minutes: 60 },
    ];
    for (const { failures, minutes } of pauses) {
      await state.write({ path, value: { version: 1, writer: null, commits, failures }, ifGeneration: 'any' });
      const before = announced();
      clock.forward(minutes * 60 - 30);
      await tick();
      expect([failures, announced() - before]).toEqual([failures, 0]);
      clock.forward(30);
      await tick();
      expect([failures, announced() - before]).toEqual([failures, 1]);
    }
  });
});
