import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../../shared/base/errors.ts';
import { emptyMemory } from '../../../../shared/memory/memory.ts';
import { memoryMetadata } from '../../../../shared/memory/memory-metadata.ts';
import { statePaths } from '../../../../shared/memory/state-paths.ts';
import { writeBackAll, writeBackLeft } from '../../../../shared/pipeline/common/write-back.ts';
import { claimWriteback, writebackPaths } from '../../../../shared/pipeline/common/writeback-claim.ts';
import type { Repository } from '../../../../shared/ports/git.ts';
import { clockAt, commitId, recordingLog, repositoryWith, stateInMemory } from '../ports.ts';

type Push = Parameters<Repository['writeNotes']>[0];

/** Environments that converged, and a host that takes pushes one at a time. */
function makeRepository() {
  const clock = clockAt('2026-11-21T01:02:03.000Z');
  const state = stateInMemory(clock.now);
  const log = recordingLog();
  const host = {
    refs: new Map<string, string>(),
    pushes: [] as Push[],
    requests: 0,
    answer: async (_push: Push): Promise<'written' | 'moved'> => 'written',
  };
  const move = ({ name, expected, commit }: Push['refs'][number]): boolean => {
    if (host.refs.get(name) !== expected) return false;
    host.refs.set(name, commit);
    return true;
  };
  const repository: Repository = {
    ...repositoryWith({ files: {} }),
    async listRefs(prefixes) {
      host.requests += 1;
      return new Map([...host.refs].filter(([name]) => prefixes.some((prefix) => name.startsWith(prefix))));
    },
    async writeNotes(push) {
      host.requests += 1;
      const answered = await host.answer(push);
      if (answered === 'moved') return 'moved';
      if (!push.refs.every(({ name, expected }) => host.refs.get(name) === expected)) return 'moved';
      host.pushes.push(push);
      push.refs.forEach(move);
      return 'written';
    },
    async writeRef({ name, expected, commit }) {
      host.requests += 1;
      if (name.endsWith('/gone')) throw refused('missing necessary objects');
      if (commit !== undefined) return move({ name, expected, commit }) ? 'written' : 'moved';
      return host.refs.get(name) === expected && host.refs.delete(name) ? 'written' : 'moved';
    },
  };
  const sleeps: (() => Promise<void>)[] = [];
  const ports = {
    ...{ now: clock.now, log, state, repository: () => repository },
    async sleep(milliseconds: number) {
      clock.forward(milliseconds / 1000);
      await sleeps.shift()?.();
    },
  };
  return {
    ...{ clock, state, log, host, ports, sleeps },
    notes: () => host.pushes.flatMap(({ notes }) => notes.map(({ commit, text }) => `${commit.slice(0, 1)} ${text}`)),
    async converge(environment: string, ...digits: readonly string[]) {
      const notes = digits.map((digit) => ({ commit: commitId(digit), text: environment }));
      const { memory: path } = statePaths({ repository: 'master', environment });
      await state.write({ path, value: { ...emptyMemory(clock.now()), notes }, ifGeneration: 'any' });
    },
    isEnded: () => {
      const paths = writebackPaths('master');
      const [claim, end] = [state.valueAt(paths.claim), state.valueAt(paths.end)];
      return claim === undefined ? 'never claimed' : Object(claim).nonce === Object(end).nonce;
    },
  };
}

function refused(message: string): ConvergeError {
  return new ConvergeError({ code: 'GitRefused', subject: 'git', message, disposition: 'refuse' });
}

describe('what converged', () => {
  it('is written of all environments in one push, and of none twice', async () => {
    const { host, ports, notes, converge, isEnded } = makeRepository();
    await converge('acme', 'a', 'b');
    await converge('globex', 'b');
    await converge('initech');
    await writeBackAll('master', ports);
    expect(notes()).toEqual(['a acme', 'b acme', 'b globex']);
    expect(host.requests).toBe(2);
    expect(Object.fromEntries(host.refs)).toEqual({
      'refs/converge/acme': commitId('b'),
      'refs/converge/globex': commitId('b'),
    });
    expect(isEnded()).toBe(true);
    await converge('acme', 'a', 'b', 'c');
    await writeBackAll('master', ports);
    expect(notes().slice(3)).toEqual(['c acme']);
  });

  it('is left to the writer that is at it, who looks once more after it has let go', async () => {
    const { host, ports, notes, sleeps, converge } = makeRepository();
    await converge('acme', 'a');
    host.answer = async () => {
      host.answer = async () => 'written';
      // It converges after the look of the writer, which has not let go yet.
      await converge('globex', 'b');
      await writeBackAll('master', ports);
      expect(host.requests).toBe(2);
      return 'written';
    };
    await writeBackAll('master', ports);
    expect(notes()).toEqual(['a acme', 'b globex']);
    expect(sleeps).toEqual([]);
  });

  it('goes with the next push of the writer, five seconds later, under the same claim', async () => {
    const { clock, host, ports, notes, sleeps, converge } = makeRepository();
    await converge('acme', 'a');
    const beganAt = clock.now().getTime();
    host.answer = async () => {
      host.answer = async () => 'written';
      await converge('globex', 'b');
      return 'written';
    };
    sleeps.push(async () => {
      await converge('initech', 'c');
      await writeBackAll('master', ports);
    });
    await writeBackAll('master', ports);
    expect(notes()).toEqual(['a acme', 'b globex', 'c initech']);
    expect(host.pushes).toHaveLength(2);
    expect(clock.now().getTime() - beganAt).toBeLessThan(7_000);
  });

  it('is gathered for a second where something was just written', async () => {
    const { host, ports, sleeps, converge } = makeRepository();
    await converge('acme', 'a');
    await writeBackAll('master', ports);
    await converge('acme', 'a', 'b');
    sleeps.push(async () => converge('globex', 'b'));
    await writeBackAll('master', ports);
    expect(host.pushes.map(({ refs }) => refs.length)).toEqual([1, 2]);
  });

  it('is written on top of what others push meanwhile', async () => {
    const { host, ports, notes, converge } = makeRepository();
    await converge('acme', 'a');
    host.answer = async () => {
      host.answer = async () => 'written';
      host.refs.set('refs/converge/acme', commitId('9'));
      return 'moved';
    };
    await writeBackAll('master', ports);
    expect(notes()).toEqual(['a acme']);
    expect(host.refs.get('refs/converge/acme')).toBe(commitId('a'));
  });

  it('survives a writer that died, and is taken by the schedule', async () => {
    const { clock, ports, notes, converge } = makeRepository();
    await converge('acme', 'a');
    expect(await claimWriteback('master', ports)).toBeDefined();
    await writeBackLeft('master', ports);
    expect(notes()).toEqual([]);
    clock.forward(31);
    await writeBackLeft('master', ports);
    expect(notes()).toEqual(['a acme']);
  });

  it('costs the schedule one request, and no claim, where nothing is left', async () => {
    const { host, ports, converge, isEnded } = makeRepository();
    await converge('acme', 'a');
    host.refs.set('refs/converge/acme', commitId('a'));
    await writeBackLeft('master', ports);
    expect(host.requests).toBe(1);
    expect(isEnded()).toBe('never claimed');
  });

  it('is found by what is written beside the memories, which are read for more than one note alone', async () => {
    const { host, state, ports, notes } = makeRepository();
    const reads: string[] = [];
    for (const [environment, digits] of Object.entries({ acme: ['a'], globex: ['b'], initech: ['a', 'b', 'c'] })) {
      const notes = digits.map((digit) => ({ commit: commitId(digit), text: environment }));
      const memory = { ...emptyMemory(ports.now()), notes };
      const { memory: path } = statePaths({ repository: 'master', environment });
      await state.write({ path, value: memory, ifGeneration: 'any', metadata: memoryMetadata(memory) });
    }
    host.refs.set('refs/converge/globex', commitId('b'));
    host.refs.set('refs/converge/initech', commitId('a'));
    const read = async (path: string) => (reads.push(path), await state.read(path));
    await writeBackAll('master', { ...ports, state: { ...state, read } });
    expect(notes()).toEqual(['a acme', 'b initech', 'c initech']);
    expect(reads).toEqual([writebackPaths('master').claim, 'environments/master/initech/memory.json']);
  });

  it('leaves no ref of an environment that was removed meanwhile', async () => {
    const { host, state, ports, converge } = makeRepository();
    await converge('acme', 'a');
    await converge('globex', 'a');
    host.answer = async () => {
      const { memory: path } = statePaths({ repository: 'master', environment: 'acme' });
      await state.delete({ path, generation: (await state.read(path))?.generation ?? '' });
      return 'written';
    };
    await writeBackAll('master', ports);
    expect([...host.refs.keys()]).toEqual(['refs/converge/globex']);
  });

  it('leaves no ref of an environment whose end was told meanwhile, though it is not forgotten yet', async () => {
    const { clock, host, state, ports, converge } = makeRepository();
    await converge('acme', 'a');
    await converge('globex', 'a');
    host.answer = async () => {
      const value = { ...emptyMemory(clock.now()), cluster: 'sandbox', endTold: `main@sha1:${commitId('a')}` };
      const { memory: path } = statePaths({ repository: 'master', environment: 'acme' });
      await state.write({ path, value, ifGeneration: 'any', metadata: memoryMetadata(value) });
      return 'written';
    };
    await writeBackAll('master', ports);
    expect([...host.refs.keys()]).toEqual(['refs/converge/globex']);
  });

  it('waits for no ref that the host refuses', async () => {
    const { host, log, ports, notes, converge } = makeRepository();
    await converge('acme', 'a');
    await converge('gone', 'b');
    host.answer = async ({ refs }) => {
      if (refs.length > 0) throw refused('missing necessary objects');
      return 'written';
    };
    await writeBackAll('master', ports);
    expect(notes()).toEqual(['a acme', 'b gone']);
    expect([...host.refs.keys()]).toEqual(['refs/converge/acme']);
    expect(log.lines).toEqual(['WARNING what converged could not be written back to Git']);
  });

  it('that cannot be written is logged, and ends the claim', async () => {
    const { host, log, ports, converge, isEnded } = makeRepository();
    await converge('acme', 'a');
    host.answer = () => Promise.reject(new Error('is away'));
    await writeBackAll('master', ports);
    expect(log.lines).toEqual(['WARNING what converged could not be written back to Git']);
    expect(isEnded()).toBe(true);
  });
});

describe('the claim of who writes', () => {
  it('is mine where its answer was lost', async () => {
    const { ports, state } = makeRepository();
    const deaf = {
      ...state,
      write: async (write: Parameters<typeof state.write>[0]) => {
        await state.write(write);
        return 'conflict' as const;
      },
    };
    const claim = await claimWriteback('master', { ...ports, state: deaf });
    expect(claim).toBeDefined();
    expect(await claimWriteback('master', ports)).toBeUndefined();
  });

  it('is of one of two who try', async () => {
    const { ports } = makeRepository();
    const both = await Promise.all([claimWriteback('master', ports), claimWriteback('master', ports)]);
    expect(both.filter((claim) => claim !== undefined)).toHaveLength(1);
  });

  it('is written once a second at the most, and so is its end', async () => {
    const { clock, ports } = makeRepository();
    const first = await claimWriteback('master', ports);
    const claimedAt = clock.now().getTime();
    clock.forward(0.9);
    await first?.end();
    const endedAt = clock.now().getTime();
    const second = await claimWriteback('master', ports);
    expect(clock.now().getTime() - claimedAt).toBe(1_000);
    await second?.end();
    expect(clock.now().getTime() - endedAt).toBe(1_000);
  });

  it('is left by all who waited for it but one, without a write', async () => {
    const { ports, state } = makeRepository();
    await (await claimWriteback('master', ports))?.end();
    const written: string[] = [];
    const counting = {
      ...state,
      write: async (write: Parameters<typeof state.write>[0]) => (written.push(write.path), await state.write(write)),
    };
    let others: Promise<unknown> = Promise.resolve();
    const waiting = {
      ...ports,
      state: counting,
      async sleep() {
        others = claimWriteback('master', { ...ports, state: counting });
        await others;
      },
    };
    expect(await claimWriteback('master', waiting)).toBeUndefined();
    expect(await others).toBeDefined();
    expect(written).toHaveLength(1);
  });

  it('lasts longer where a third of its time is over, and is lost to whoever took it', async () => {
    const { clock, ports } = makeRepository();
    const claim = await claimWriteback('master', ports);
    for (const _turn of [1, 2, 3, 4]) {
      clock.forward(11);
      expect(await claim?.keep()).toBe(true);
      expect(await claimWriteback('master', ports)).toBeUndefined();
    }
    clock.forward(31);
    expect(await claimWriteback('master', ports)).toBeDefined();
    expect(await claim?.keep()).toBe(false);
  });

  it('is held where nobody can read whether it ended', async () => {
    const { clock, ports, state } = makeRepository();
    await (await claimWriteback('master', ports))?.end();
    state.spoil(writebackPaths('master').end, 'null');
    expect(await claimWriteback('master', ports)).toBeUndefined();
    clock.forward(31);
    expect(await claimWriteback('master', ports)).toBeDefined();
  });

  it('that nobody can read is somebody’s for as long as one that can be read', async () => {
    const { clock, ports, state } = makeRepository();
    state.spoil(writebackPaths('master').claim, '{');
    expect(await claimWriteback('master', ports)).toBeUndefined();
    clock.forward(31);
    expect(await claimWriteback('master', ports)).toBeDefined();
  });
});
