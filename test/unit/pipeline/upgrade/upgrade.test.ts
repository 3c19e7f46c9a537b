import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  bucketOf,
  withBucket,
  playFirst,
  playFrozen,
  playSecond,
  versionNow,
  versionOf,
  type Ending,
  type Version,
} from './play.ts';
import { scenarios, twoAtOnce, untold, type Scenario } from './scenarios.ts';
import { versionBefore } from './version-before.ts';

/*
 * One version is in the middle of something when the other takes over: on an upgrade, and on the way back. The version
 * before runs from its own commit, where the history is there.
 */
const before = await versionBefore();
afterAll(() => before?.remove());

interface Named {
  readonly name: string;
  readonly look: Version;
  /** How a look ends while another run is at work. */
  readonly meets: string;
}
const now: Named = { name: 'this version', look: versionNow, meets: 'throws LeaseHeld' };
const former: readonly Named[] =
  before === undefined ? [] : [{ name: 'the version before', look: versionOf(before), meets: 'busy' }];
const pairs = [now, ...former].flatMap((first) =>
  [now, ...former].map((second) => ({
    title: `${first.name} began, and ${first === second ? 'goes on with' : `${second.name} takes over`}`,
    ...{ first, second, isReturn: first === now && second !== now },
  })),
);
const disturbed = scenarios.filter(({ killed }) => killed);

/** What a run had pruned that was killed before it could remember that is counted by nobody. */
const withoutCounts = ({ told }: Pick<Ending, 'told'>): string[] =>
  told.map((alert) => alert.replace(/^converged: [^;]*/, 'converged'));

const root = join(import.meta.dirname, '../../../..');
const goldenOf = ({ name }: Scenario): string =>
  join(root, 'test/golden/upgrade', `${name.toLowerCase().replaceAll(/[^a-z]+/g, '-')}.json`);

describe('a bucket that the version before wrote', () => {
  it.runIf(before !== undefined).each([...scenarios, untold])(
    'is what its code writes where $name',
    async (scenario) => {
      for (const { look } of former) {
        const act = await playFirst(scenario, look, { diesBefore: scenario.dies?.former });
        await expect(bucketOf(act)).toMatchFileSnapshot(goldenOf(scenario));
      }
    },
  );

  it.each([...scenarios, untold])('is gone on with where $name', async (scenario) => {
    const { told, writes, ends } = scenario;
    const act = await playFirst(scenario, versionNow, { diesBefore: scenario.dies?.now });
    const left = await withBucket(act, readFileSync(goldenOf(scenario), 'utf8'));
    const ending = await playSecond(scenario, left, versionNow);
    expect({ told: ending.told, writes: ending.writes, ends: ending.ends }).toEqual({ told, writes, ends });
  });
});

describe.each(pairs)('what $title', ({ first, second, isReturn }) => {
  it.each(scenarios)('is told once and done once where $name', async (scenario) => {
    const { told, writes, ends } = scenario;
    const ending = await playSecond(scenario, await playFirst(scenario, first.look), second.look);
    expect({ told: ending.told, writes: ending.writes, ends: ending.ends }).toEqual({ told, writes, ends });
    expect([ending.unended, ending.leftovers]).toEqual([ends?.incident === undefined ? 0 : 1, []]);
  });

  it('is met while it waits, and the one before leaves it to the schedule where this one acted just now', async () => {
    const waiting = scenarios.find(({ name }) => name === 'a roll-out waits for health');
    if (waiting === undefined) throw new Error('no roll-out waits');
    const act = await playFirst(waiting, first.look);
    const { ended } = await second.look(act.world, { cause: 'request' });
    expect(ended).toBe(isReturn ? 'busy' : 'waiting');
    const { told, writes, ends } = await playSecond(waiting, act, second.look);
    expect({ told, writes, ends }).toEqual({ told: waiting.told, writes: waiting.writes, ends: waiting.ends });
  });

  it('is two incidents that end, of which the one before knows the gravest', async () => {
    const ending = await playSecond(twoAtOnce, await playFirst(twoAtOnce, first.look), second.look);
    expect([ending.ends, ending.unended]).toEqual([twoAtOnce.ends, isReturn ? 1 : 0]);
  });

  it.each(disturbed)('is finished where $name, and the first is killed at any time', async (scenario) => {
    const { effects, whole } = await playWhole(scenario);
    for (let diesBefore = 1; diesBefore <= effects; diesBefore++) {
      const at = `killed before effect ${diesBefore} of ${effects}`;
      const ending = await playSecond(scenario, await playFirst(scenario, first.look, { diesBefore }), second.look);
      expect([ending.objects, ending.ends], at).toEqual([whole.objects, whole.ends]);
      if (second === now) expect(ending.leftovers, at).toEqual([]);
      // What a dead run of this version was to tell is not known to the one before.
      if (isReturn) expect(withoutCounts(whole), at).toEqual(expect.arrayContaining(withoutCounts(ending)));
      else expect(withoutCounts(ending), at).toEqual(withoutCounts(whole));
      expect(ending.told.length, at).toBeLessThanOrEqual(whole.told.length);
    }
  });

  it.each(disturbed)('is finished where $name, and the first is frozen, and wakes at any time', async (scenario) => {
    const { effects, whole } = await playWhole(scenario);
    for (let freezesBefore = 1; freezesBefore <= effects; freezesBefore++) {
      const at = `frozen before effect ${freezesBefore} of ${effects}`;
      const versions = { first: first.look, second: second.look };
      const ending = await playFrozen(scenario, { ...versions, freezesBefore, hours: 0.5 });
      // Nothing can be asked of a creation that comes late: a hook, or the parent of what is no more.
      expect([ending.members, ending.ends], at).toEqual([whole.members, whole.ends]);
      expect(withoutCounts(ending).sort(), at).toEqual(withoutCounts(whole).sort());
    }
  });

  it.each(disturbed)('is not touched where $name, and the first is at work', async (scenario) => {
    const { whole } = await playWhole(scenario);
    const versions = { first: first.look, second: second.look };
    const ending = await playFrozen(scenario, { ...versions, freezesBefore: 3, hours: 0 });
    expect(ending.met).toBe(second.meets);
    expect(leftBy(ending)).toEqual(leftBy(whole));
  });

  async function playWhole(scenario: Scenario): Promise<{ readonly effects: number; readonly whole: Ending }> {
    const act = await playFirst(scenario, first.look);
    return { effects: act.effects, whole: await playSecond(scenario, act, second.look) };
  }
});

function leftBy({ told, ends, objects }: Ending): Pick<Ending, 'told' | 'ends' | 'objects'> {
  return { told, ends, objects };
}
