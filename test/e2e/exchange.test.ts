import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parentResource } from '../../shared/pipeline/reconcile/observe/observed-state.ts';
import { ConvergeError } from '../../shared/base/errors.ts';
import { Killed, pushUnheard, startInProcess, type InProcess } from './in-process.ts';
import { stateOf } from './state.ts';
import { configMap, environmentFile, startWorld, type Clone, type Files, type World } from './world.ts';

/** Another seed is another story: `CONVERGE_EXCHANGE_SEED=7` tells that one alone. */
const given = process.env['CONVERGE_EXCHANGE_SEED'];
const seeds = given === undefined ? [1, 2] : [Number(given)];
const rounds = 4;
const names = ['one', 'two'] as const;
const things = ['a', 'b', 'c', 'd', 'e'];

let world: World;
let master: Clone;
let stage: InProcess;
const { expireLease } = stateOf(() => world);

beforeAll(async () => {
  world = await startWorld();
  master = await world.clone();
  stage = await startInProcess(world);
});
afterAll(async () => {
  await world.stop();
});

/** Numbers below 1 that are the same for the same seed (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Whose each thing is: of one environment, or of nobody. */
type Owners = Readonly<Record<string, (typeof names)[number] | undefined>>;

function filesFor(namespace: string, owners: Owners): Files {
  return Object.fromEntries([
    ...names.map(
      (name) =>
        [
          `environments/${namespace}-${name}.yaml`,
          environmentFile(`${namespace}-${name}`, {
            namespace,
            sources: [{ manifests: `manifests/${namespace}-${name}` }],
          }),
        ] as const,
    ),
    // Neither ever renders to nothing.
    ...names.map((name) => [`manifests/${namespace}-${name}/own.yaml`, configMap(`own-${name}`, {})] as const),
    ...names.flatMap((name) =>
      things.map(
        (thing) =>
          [
            `manifests/${namespace}-${name}/${thing}.yaml`,
            owners[thing] === name ? configMap(thing, { of: name }) : undefined,
          ] as const,
      ),
    ),
  ]);
}

interface Found {
  readonly uid: string;
  readonly owner: string;
}

async function found(namespace: string): Promise<ReadonlyMap<string, Found>> {
  const items = await stage.cluster.list({ resource: parentResource, namespace, content: 'metadata' });
  return new Map(
    items.map(({ metadata }) => [
      metadata.name ?? '',
      { uid: metadata.uid ?? '', owner: metadata.annotations?.['converge.dev/environment'] ?? '' },
    ]),
  );
}

async function expireLeases(namespace: string): Promise<void> {
  for (const name of names) await expireLease(`${namespace}-${name}`);
}

/** A run that may be killed, or told to look again. Anything else that it throws is a failure of the test. */
async function attempt(environment: string, dyingAt: number): Promise<string> {
  try {
    return (await stage.run(environment, { dies: ({ count }) => count === dyingAt })).outcome;
  } catch (error) {
    if (error instanceof Killed || (error instanceof ConvergeError && error.disposition === 'retry')) return 'again';
    throw error;
  }
}

describe('two environments that exchange objects', () => {
  it.each(seeds)(
    'in random order and killed anywhere lose none, and delete none that either still wants (seed %i)',
    async (seed) => {
      const next = numbers(seed);
      const pick = <T>(choices: readonly T[]): T => choices[Math.floor(next() * choices.length)] as T;
      const namespace = `exchange-${seed}`;
      let before: { owners: Owners; found: ReadonlyMap<string, Found> } = { owners: {}, found: new Map() };
      let onDisk: Files = {};

      for (let round = 1; round <= rounds; round++) {
        const owners: Owners = Object.fromEntries(
          things.map((thing) => [thing, pick([...names, ...names, undefined])]),
        );
        const wanted = filesFor(namespace, owners);
        const change = Object.fromEntries(
          Object.entries(wanted).filter(([path, content]) => content !== undefined || onDisk[path] !== undefined),
        );
        await pushUnheard(world, master, change);
        onDisk = wanted;
        const kept = things.filter((thing) => owners[thing] !== undefined && before.owners[thing] !== undefined);
        const assertNoneLost = async (when: string): Promise<ReadonlyMap<string, Found>> => {
          const now = await found(namespace);
          for (const thing of kept)
            expect(now.get(thing)?.uid, `seed ${seed}, round ${round}, ${thing} ${when}`).toBe(
              before.found.get(thing)?.uid,
            );
          return now;
        };

        // Some runs in any order, at the same time or one after the other, each killed at a call of its own, or not at
        // all.
        for (let turn = 0; turn < 3; turn++) {
          const runs = names.filter(() => next() < 0.8).map((name) => ({ name, at: 1 + Math.floor(next() * 60) }));
          if (next() < 0.5) await Promise.all(runs.map(async ({ name, at }) => attempt(`${namespace}-${name}`, at)));
          else for (const { name, at } of runs.toReversed()) await attempt(`${namespace}-${name}`, at);
          await expireLeases(namespace);
          if (round > 1) await assertNoneLost('while they run');
        }
        // Then they are left alone, and come to rest.
        let outcomes: string[] = [];
        for (
          let look = 0;
          (look < 6 && !outcomes.every((outcome) => outcome === 'unchanged')) || outcomes.length === 0;
          look++
        ) {
          outcomes = [];
          for (const name of next() < 0.5 ? names : names.toReversed())
            outcomes.push(await attempt(`${namespace}-${name}`, 0));
        }
        expect(outcomes, `seed ${seed}, round ${round}`).toEqual(['unchanged', 'unchanged']);
        const now = await assertNoneLost('at rest');
        for (const thing of things) {
          expect(now.get(thing)?.owner, `seed ${seed}, round ${round}, ${thing}`).toBe(
            owners[thing] === undefined ? undefined : `master/${namespace}-${owners[thing]}`,
          );
        }
        before = { owners, found: now };
      }
    },
  );
});
