import { brokenConfigMap, configMap, emptySecret, manifestOf, type Place } from './declared.ts';
import type { Asked } from '../../local/fronts/proxy.ts';
import { mutatedBy } from '../../local/fronts/storage-request.ts';
import type { Stage } from './stage.ts';
import type { Snare, Trap } from './traps.ts';
import { pastLeases } from './plan.ts';

/** What a scene may do, and what the round does for it. */
export interface Scenery {
  readonly stage: Stage;
  /** An environment that nobody else in the round touches. */
  readonly place: Place;
  fresh(what: string): string;
  note(text: string): void;
  commit(what: string, changes: readonly (readonly [string, string | undefined])[]): Promise<unknown>;
  /** As a person; resolves with the value. */
  drift(object: string): Promise<string>;
  look(): Promise<void>;
  untilQuiet(): Promise<void>;
  /** Looks until all is well; what is not, in the end. */
  settle(when: string): Promise<readonly string[]>;
  /** What is not well as it is now, without a look. */
  judge(): Promise<readonly string[]>;
  /** Which of these values no alert names. */
  untold(values: readonly string[]): readonly string[];
}

export const scenes = {
  'a run sleeps between two writes': sleepsBetweenWrites,
  'the write of a lost run comes late': lateWrite,
  'a run dies between the write and its word': diesAfterHealing,
  'two looks claim one lease': twoClaims,
  'the word of a lost run comes late': lateWord,
  'a run dies before it has said what failed': diesBeforeItSays,
} as const;
export type Scene = keyof typeof scenes;

export function sceneOf(seed: number): Scene {
  const names = Object.keys(scenes);
  // The names of the scenes are the keys.
  return names[seed % names.length] as Scene;
}

/** The least seed that plays a scene. */
export function seedOf(scene: Scene): number {
  return Object.keys(scenes).indexOf(scene);
}

const toWake = 3_000;
/** Less than it was told to wait before it comes again. */
const toHear = 400;

/** What the next write is answered; undefined where none comes. */
async function answerSoon({ note }: Scenery, trap: Trap): Promise<number | undefined> {
  await Promise.race([trap.caught(), new Promise((resolve) => setTimeout(resolve, toWake))]);
  const status = trap.status();
  note(status === undefined ? 'no write comes' : `a write comes, and is answered ${status}`);
  return status;
}

const writes =
  ({ name }: Place, object: string) =>
  ({ method, path }: Asked): boolean =>
    method === 'PATCH' &&
    new RegExp(`/namespaces/${name}/(configmaps|secrets)/${object}`).test(path) &&
    !path.includes('dryRun');

const stores =
  ({ name }: Place, file: 'lease' | 'memory') =>
  (asked: Asked): boolean =>
    asked.method !== 'DELETE' && mutatedBy(asked)?.endsWith(`/environments/master/${name}/${file}.json`) === true;

interface Suspended {
  /** What is held goes to whoever sleeps, who will find it when he wakes. */
  arrive(): void;
  goOn(): Promise<void>;
}

/** Only the first instance runs, until one of its requests is held; from then on only the second does. */
async function holdFirst(
  { stage: { instances, traps }, note, look }: Scenery,
  trap: Snare,
  { death }: { death: boolean } = { death: false },
): Promise<Suspended> {
  instances.freeze(1);
  const set = traps.set(trap);
  void look();
  const isCaught = await set.caught();
  // It has its answer before it is stopped.
  if (trap.answer === 'busy') await new Promise((resolve) => setTimeout(resolve, toHear));
  note(isCaught ? `the ${trap.held} is held` : 'nothing came that was to be held');
  if (isCaught && death) await instances.killOne(0, { skew: 0 });
  else if (isCaught) instances.freeze(0);
  instances.thaw(1);
  return {
    arrive: () => set.release(),
    async goOn() {
      set.release();
      instances.thaw(0);
      note('what was held goes on');
      await new Promise((resolve) => setTimeout(resolve, toWake));
      await instances.ready();
    },
  };
}

/** A commit is taken back while a run writes it, which is lost: what it still writes is nobody's wish. */
async function lateWrite(scenery: Scenery): Promise<readonly string[]> {
  const { stage, place, commit, fresh, settle, untilQuiet, judge } = scenery;
  const path = manifestOf(place, 'o1');
  const before = (await stage.person.read()).files.get(path);
  await commit('change', [[path, configMap('o1', fresh('late'))]]);
  const held = await holdFirst(scenery, { system: 'kubernetes', held: 'request', fits: writes(place, 'o1') });
  await commit('take back', [[path, before]]);
  stage.clock.leap(pastLeases);
  const unwell = await settle('with a write under way');
  const done = stage.traps.set({ system: 'kubernetes', held: 'answer', fits: writes(place, 'o1') });
  held.arrive();
  const answer = (await answerSoon(scenery, done)) ?? Infinity;
  // Before anybody looks: whoever lost his lease looks again, and so does who is told of it once more.
  const astray = [...(answer < 300 ? [`what a lost run wrote was answered ${answer}`] : []), ...(await judge())];
  done.release();
  await held.goOn();
  await untilQuiet();
  return unwell.length > 0 ? unwell : astray;
}

/** It was told to come again in a second, and comes after its commit was taken back. */
async function sleepsBetweenWrites(scenery: Scenery): Promise<readonly string[]> {
  const { stage, place, commit, settle, untilQuiet, judge } = scenery;
  const path = manifestOf(place, 'added');
  await commit('add', [[path, emptySecret('added')]]);
  const held = await holdFirst(scenery, {
    ...{ system: 'kubernetes', held: 'request', answer: 'busy', fits: writes(place, 'added') },
  });
  await commit('take back', [[path, undefined]]);
  stage.clock.leap(pastLeases);
  const unwell = await settle('while a run sleeps');
  const done = stage.traps.set({ system: 'kubernetes', held: 'answer', fits: writes(place, 'added') });
  stage.instances.thaw(0);
  const answer = await answerSoon(scenery, done);
  const astray = [
    ...(answer === undefined ? [] : [`a run that slept past its lease wrote, and was answered ${answer}`]),
    ...(await judge()),
  ];
  done.release();
  await held.goOn();
  await untilQuiet();
  return unwell.length > 0 ? unwell : astray;
}

/** What it undid is told by whoever ends it. */
async function diesAfterHealing(scenery: Scenery): Promise<readonly string[]> {
  const { stage, place, drift, settle, untold } = scenery;
  const value = await drift('o1');
  const trap = { system: 'kubernetes', held: 'answer', fits: writes(place, 'o1') } as const;
  const held = await holdFirst(scenery, trap, { death: true });
  await held.goOn();
  stage.clock.leap(pastLeases);
  const unwell = await settle('after a run died');
  return unwell.length > 0 ? unwell : healedUntold(untold([value]));
}

const healedUntold = (values: readonly string[]): readonly string[] =>
  values.map((value) => `the drift ${value} was undone, and told by nobody`);

/** The claim of a look is on its way while another finds drift, claims, undoes it and dies. */
async function twoClaims(scenery: Scenery): Promise<readonly string[]> {
  const { stage, place, commit, drift, fresh, look, note, settle, untold } = scenery;
  const { instances, traps } = stage;
  await commit('change', [[manifestOf(place, 'o1'), configMap('o1', fresh('claimed'))]]);
  const claim = await holdFirst(scenery, { system: 'storage', held: 'request', fits: stores(place, 'lease') });
  const value = await drift('o2');
  const heal = traps.set({ system: 'kubernetes', held: 'answer', fits: writes(place, 'o2') });
  void look();
  note((await heal.caught()) ? 'the drift is undone' : 'nobody undid the drift');
  await instances.killOne(1, { skew: 0 });
  heal.release();
  await claim.goOn();
  stage.clock.leap(pastLeases);
  const unwell = await settle('after two claims');
  return unwell.length > 0 ? unwell : healedUntold(untold([value]));
}

/** A run has written all, and says so when the next commit is there, and said. */
async function lateWord(scenery: Scenery): Promise<readonly string[]> {
  const { stage, place, commit, fresh, settle, untilQuiet, judge } = scenery;
  const path = manifestOf(place, 'o1');
  await commit('change', [[path, configMap('o1', fresh('said'))]]);
  const held = await holdFirst(scenery, { system: 'storage', held: 'request', fits: stores(place, 'memory') });
  await commit('change', [[path, configMap('o1', fresh('said'))]]);
  stage.clock.leap(pastLeases);
  const unwell = await settle('with a word under way');
  await held.goOn();
  await untilQuiet();
  return unwell.length > 0 ? unwell : judge();
}

/** What nobody remembers is told by nobody, so that no end of it is owed. */
async function diesBeforeItSays(scenery: Scenery): Promise<readonly string[]> {
  const { stage, place, commit, fresh, settle } = scenery;
  const path = manifestOf(place, 'o1');
  await commit('break', [[path, brokenConfigMap('o1', fresh('broken'))]]);
  const trap = { system: 'storage', held: 'request', fits: stores(place, 'memory') } as const;
  const held = await holdFirst(scenery, trap, { death: true });
  await commit('mend', [[path, configMap('o1', fresh('mended'))]]);
  stage.clock.leap(pastLeases);
  // What was on its way is not: the run died before it was sent.
  const unwell = await settle('after a run died that said nothing');
  await held.goOn();
  return unwell;
}
