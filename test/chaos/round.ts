import { setTimeout as sleep } from 'node:timers/promises';
import { systemErrorCode } from '../../local/local-error.ts';
import { tgz } from '../e2e/world.ts';
import type { Live } from './cluster.ts';
import { damageState, keepState, type Kept } from './damage.ts';
import {
  brokenConfigMap,
  bundleOf,
  configMap,
  deployment,
  environmentFile,
  environmentFileOf,
  manifestOf,
  placeOf,
  type Place,
} from './declared.ts';
import { openTally, type Figures } from './figures.ts';
import {
  letterOfScene,
  letters,
  objectsAtFirst,
  pastLeases,
  planRound,
  told,
  type Letter,
  type Plan,
  type Step,
} from './plan.ts';
import { sceneOf, scenes } from './scenes.ts';
import { stateLeft, type Stage } from './stage.ts';
import { judge, type Uploaded } from './verdicts.ts';

export interface Round {
  readonly seed: number;
  readonly seconds: number;
  readonly violations: readonly string[];
  /** What was done and when, for people who replay it. */
  readonly timeline: readonly string[];
  readonly figures: Figures;
  /** Looks of the schedule after the disturbance, until all was well. */
  readonly ticks: number;
}

const ticksUntilGood = 12;
/** Nothing is under way for as long: no message is on its way either. */
const quietMilliseconds = 300;
/** Longer than a lease lasts: each look adds jobs to those that wait for one, and only four run at a time. */
const longestTick = 60_000;
/** For so long a late request may make an object of an environment that is no more, which each look looks for. */
const lateWindow = 16 * 60_000;
/**
 * What was tried in vain a few times is left alone for less, in all looks together, and a clock that is wrong is so by
 * more: no pause may be as long as that.
 */
const leapBetweenTicks = 3 * 60_000;

/** What a round has done so far. */
interface Play {
  readonly stage: Stage;
  readonly plan: Plan;
  readonly places: readonly Place[];
  readonly tally: ReturnType<typeof openTally>;
  readonly timeline: string[];
  readonly startedAt: number;
  readonly uploads: Uploaded[];
  readonly drifts: string[];
  readonly bystanders: Map<string, readonly Live[]>;
  /** Manifests that the API server refuses, and what is to be there in their stead. */
  readonly broken: Map<string, string>;
  kept: Kept;
  /** Of values, so that each is another. */
  values: number;
  /** Resolves once the API server serves again: the next restart would end it at its start. */
  restarted: Promise<void>;
}

export interface RoundOptions {
  /** Nothing disturbs but the scene, and there is no environment but that of the scene. */
  readonly isSceneOnly?: boolean;
  /** No round comes after it on this stage: what one that is violated leaves stays. */
  readonly isLast?: boolean;
}

/** Plays one round of a seed: prepares, plays its scene, disturbs, lets the pipeline come to rest, and judges. */
export async function playRound(
  stage: Stage,
  seed: number,
  { isSceneOnly = false, isLast = false }: RoundOptions = {},
): Promise<Round> {
  const play: Play = {
    ...{ stage, plan: planRound(seed), tally: openTally(), timeline: [], startedAt: performance.now() },
    places: lettersOf({ isSceneOnly }).map((letter) => placeOf(seed, letter)),
    ...{ uploads: [], drifts: [], bystanders: new Map(), broken: new Map(), kept: new Map(), values: 0 },
    restarted: Promise.resolve(),
  };
  const refusedBefore = stage.refusedWrites();
  const found = await inTurn([
    () => prepare(play),
    () => playScene(play),
    async () => {
      if (isSceneOnly) return [];
      await disturb(play);
      return settle(play, 'after the disturbance');
    },
    () => leave(play),
  ]);
  const seconds = (performance.now() - play.startedAt) / 1000;
  if (found.violations.length > 0 && !isLast) await clear(play);
  for (let count = stage.refusedWrites() - refusedBefore; count > 0; count--)
    play.tally.count('storage: more than a write a second');
  return {
    ...{ seed, seconds, violations: found.violations },
    ...{ timeline: play.timeline, figures: play.tally.figures, ticks: found.ticks },
  };
}

/** A scene has an environment of its own. */
function lettersOf({ isSceneOnly }: { isSceneOnly: boolean }): readonly Letter[] {
  return isSceneOnly ? [letterOfScene] : [...letters, letterOfScene];
}

interface Outcome {
  readonly violations: readonly string[];
  readonly ticks: number;
}

/** The first violations end it. */
async function inTurn(phases: readonly (() => Promise<Outcome | []>)[]): Promise<Outcome> {
  let ticks = 0;
  for (const phase of phases) {
    const outcome = await phase();
    if (!('violations' in outcome)) continue;
    ticks += outcome.ticks;
    if (outcome.violations.length > 0) return { ...outcome, ticks };
  }
  return { violations: [], ticks };
}

function note({ timeline, startedAt }: Play, text: string): void {
  timeline.push(`${((performance.now() - startedAt) / 1000).toFixed(2).padStart(7)} s  ${text}`);
}

const fresh = (play: Play, what: string): string =>
  `${what}-${play.plan.seed}-${String(++play.values).padStart(3, '0')}`;

async function prepare(play: Play): Promise<Outcome> {
  const { stage, places } = play;
  await stage.instances.setClocks();
  await Promise.all(places.map(({ name }) => stage.cluster.createNamespace(name)));
  const files = places.flatMap((place): [string, string][] => [
    [environmentFileOf(place), environmentFile(place)],
    ...numbers(objectsAtFirst).map((index): [string, string] => [
      manifestOf(place, `o${index}`),
      configMap(`o${index}`, fresh(play, 'first')),
    ]),
    [`${bundleOf(place)}/one.yaml`, configMap('bundle-one', fresh(play, 'first'))],
    ...(place.letter === 'a' ? [[manifestOf(place, 'web'), deployment('web')] as [string, string]] : []),
  ]);
  await stage.person.push(new Map(files), `Begin round ${play.plan.seed}`);
  note(play, 'the environments are committed');
  const outcome = await settle(play, 'before the disturbance');
  if (outcome.violations.length > 0) return outcome;
  await Promise.all(places.map((place) => standBy(play, place)));
  play.kept = await keepState(stage);
  return { ...outcome, ticks: 0 };
}

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Objects that are nobody's business, one of them with the labels of the environment beside it. */
async function standBy({ stage, bystanders }: Play, { name }: Place): Promise<void> {
  const member = (await stage.cluster.list(name)).find(({ metadata }) => metadata.name === 'o1');
  const data = { of: 'somebody else' };
  const objects = [
    { apiVersion: 'v1', kind: 'ConfigMap' as const, metadata: { name: 'bystander' }, data },
    { apiVersion: 'v1', kind: 'Secret' as const, metadata: { name: 'bystander' } },
    { apiVersion: 'v1', kind: 'ConfigMap' as const, metadata: { name: 'copy', labels: member?.metadata.labels }, data },
  ];
  const made = [];
  for (const object of objects) made.push(await stage.cluster.create(name, object));
  bystanders.set(name, made);
}

/** One thing that only seldom happens by itself, at the very line where it hurts. Nothing else disturbs meanwhile. */
async function playScene(play: Play): Promise<Outcome> {
  const { stage, plan, drifts, tally } = play;
  const place = placeOf(plan.seed, letterOfScene);
  const scene = sceneOf(plan.seed);
  tally.count(`scene: ${scene}`);
  note(play, scene);
  const violations = await scenes[scene]({
    ...{ stage, place, fresh: (what) => fresh(play, what), note: (text) => note(play, text) },
    commit: (what, changes) => commit(play, what, changes),
    async drift(object) {
      const value = fresh(play, 'drift');
      await stage.cluster.patch({ kind: 'ConfigMap', namespace: place.name, name: object }, { data: { v: value } });
      drifts.push(value);
      note(play, `the drift ${value} of ${object}`);
      return value;
    },
    look: () => look(stage),
    untilQuiet: () => untilQuiet(stage),
    settle: async (when) => (await settle(play, when)).violations,
    async judge() {
      const { passing, lasting } = await judge(stage, play);
      return [...lasting, ...passing];
    },
    untold: (values) =>
      values.filter((value) => !stage.heard.diffs.some(({ objects }) => JSON.stringify(objects).includes(value))),
  });
  stage.traps.releaseAll();
  stage.instances.thawAll();
  await stage.instances.ready();
  for (const violation of violations) note(play, violation);
  return { violations, ticks: 0 };
}

async function disturb(play: Play): Promise<void> {
  const { stage, plan, tally } = play;
  const { seed, rates, steps } = plan;
  note(play, `faults in a hundred requests: ${Object.entries(rates).flat().join(' ')}`);
  stage.disturbances.begin({ seed, rates, tally });
  stage.instances.disturb({ seed, tally });
  const beganAt = performance.now();
  const taken: Promise<void>[] = [];
  for (const step of steps) {
    await sleep(Math.max(0, step.at - (performance.now() - beganAt)));
    taken.push(takeNoted(play, step));
  }
  await Promise.all(taken);
  stage.disturbances.end();
  stage.instances.calm();
  stage.instances.thawAll();
  for (const proxy of stage.proxies) proxy.hangUp();
  await stage.instances.ready();
  note(play, 'nothing disturbs any more');
  if (play.broken.size > 0) await mend(play);
  stage.clock.leap(pastLeases);
}

async function takeNoted(play: Play, step: Plan['steps'][number]): Promise<void> {
  note(play, told(step));
  const what = await take(play, step);
  if (what !== '') note(play, `${step.step} → ${what}`);
}

/** Nobody leaves in Git what the API server refuses. */
async function mend({ stage, broken, places }: Play): Promise<void> {
  const { files } = await stage.person.read();
  const gone = places.filter((place) => !files.has(environmentFileOf(place))).map(({ name }) => `manifests/${name}/`);
  const left = [...broken].filter(([path]) => files.has(path) && !gone.some((folder) => path.startsWith(folder)));
  await stage.person.push(new Map(left), 'Mend what the API server refuses');
}

/** Looks as the schedule does until all is well, and then once more; the violations are those of the last look. */
async function settle(
  play: Play,
  when: string,
  { also = async () => [] }: { also?: () => Promise<readonly string[]> } = {},
): Promise<Outcome> {
  const { stage } = play;
  let violations: readonly string[] = [];
  for (let tick = 1; tick <= ticksUntilGood; tick++) {
    await look(stage);
    await untilQuiet(stage);
    const { passing, lasting } = await judge(stage, play);
    violations = [...lasting, ...passing, ...(await also())];
    note(play, `look ${tick} ${when}: ${violations.length === 0 ? 'all is well' : violations.join('; ')}`);
    if (violations.length === 0 || lasting.length > 0) return { violations, ticks: tick };
    if (when !== 'before the disturbance') stage.clock.leap(leapBetweenTicks);
  }
  return { violations, ticks: ticksUntilGood };
}

async function look({ pipeline, instances }: Stage): Promise<void> {
  await instances.ready();
  // What it answers shows in what comes of it.
  await fetch(pipeline.functions.url('checkDrift'), { method: 'POST' })
    .then((answer) => answer.text())
    .catch(() => '');
}

async function untilQuiet({ instances }: Stage): Promise<void> {
  const until = performance.now() + longestTick;
  let since = performance.now();
  while (performance.now() - since < quietMilliseconds && performance.now() < until) {
    if (instances.underWay() > 0) since = performance.now();
    await sleep(20);
  }
}

/** The round's environments are removed, and nothing of them may stay: neither in the cluster nor in the state bucket. */
async function leave(play: Play): Promise<Outcome> {
  const { stage, places } = play;
  await stage.person.push(
    new Map(places.map((place) => [environmentFileOf(place), undefined])),
    `End round ${play.plan.seed}`,
  );
  const removed = await settle(play, 'after the environments were removed');
  stage.clock.leap(lateWindow);
  const also = () => stateLeft(stage, places);
  const outcome =
    removed.violations.length > 0 ? removed : await settle(play, 'once nothing comes late any more', { also });
  await Promise.all(places.map(({ name }) => stage.cluster.removeNamespace(name)));
  return { ...outcome, ticks: 0 };
}

/** Leaves the next round nothing to look at of one that was violated. */
async function clear({ stage, places, plan }: Play): Promise<void> {
  const files = places.map((place): [string, undefined] => [environmentFileOf(place), undefined]);
  await stage.person.push(new Map(files), `Clear round ${plan.seed}`);
  await look(stage);
  await untilQuiet(stage);
}

/** One that was restarted meanwhile is gone. */
function wake(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch (error) {
    if (systemErrorCode(error) !== 'ESRCH') throw error;
  }
}

/** Takes a step; resolves with what there is to say of it. */
async function take(play: Play, step: Step): Promise<string> {
  const { stage, plan, tally } = play;
  const { instances } = stage;
  const count = (fault: string): void => tally.count(fault);
  switch (step.step) {
    case 'kill':
      count(step.skew === 0 ? 'instances: killed' : 'instances: killed, the next one with a wrong clock');
      await instances.killOne(step.instance, step);
      return '';
    case 'freeze':
      count('instances: frozen past their leases');
      instances.freeze(step.instance);
      await sleep(step.milliseconds / 2);
      stage.clock.leap(pastLeases);
      await sleep(step.milliseconds / 2);
      instances.thaw(step.instance);
      return '';
    case 'freeze API server': {
      count('API server: frozen');
      const pid = stage.pipeline.kubernetes.apiServer.pid();
      process.kill(pid, 'SIGSTOP');
      await sleep(step.milliseconds);
      wake(pid);
      return '';
    }
    case 'restart API server':
      count('API server: restarted');
      play.restarted = play.restarted.then(async () => stage.pipeline.kubernetes.apiServer.restart());
      await play.restarted;
      return '';
    case 'look':
      // Nobody waits for the schedule.
      void look(stage);
      return '';
    case 'leap':
      stage.clock.leap(step.milliseconds);
      return '';
    case 'damage': {
      const place = placeOf(plan.seed, step.letter);
      const path = await damageState(stage, { ...step, place, kept: play.kept });
      if (path !== undefined) count(`state: ${step.object} ${step.damage}`);
      return path ?? 'there is none';
    }
    case 'bad upload':
      return upload(play, `../evil-${++play.values}.yaml`, 'evil');
    default:
      return takeIn(play, step, placeOf(plan.seed, step.letter));
  }
}

type StepOfEnvironment = Extract<Step, { readonly letter: Letter }>;

/** Steps of people and CI. */
async function takeIn(
  play: Play,
  step: Exclude<StepOfEnvironment, { readonly step: 'damage' }>,
  place: Place,
): Promise<string> {
  const { stage } = play;
  const at = (index: number) => ({ kind: 'ConfigMap' as const, namespace: place.name, name: `o${index}` });
  switch (step.step) {
    case 'change':
    case 'add': {
      const name = step.step === 'add' ? `o${step.object + objectsAtFirst}` : `o${step.object}`;
      return commit(play, step.step, [[manifestOf(place, name), configMap(name, fresh(play, 'v'))]]);
    }
    case 'drop':
      return commit(play, 'drop', [[manifestOf(place, `o${step.object}`), undefined]]);
    case 'break': {
      const path = manifestOf(place, 'o1');
      play.broken.set(path, configMap('o1', fresh(play, 'mended')));
      return commit(play, 'break', [[path, brokenConfigMap('o1', fresh(play, 'broken'))]]);
    }
    case 'take back':
      return commit(play, 'take back', [
        [environmentFileOf(place), environmentFile(place)],
        [manifestOf(place, 'o2'), configMap('o2', fresh(play, 'back'))],
      ]);
    case 'remove environment':
      return commit(play, 'remove environment', [[environmentFileOf(place), undefined]]);
    case 'upload': {
      const name = `up${step.object}`;
      return upload(play, manifestOf(place, name), configMap(name, fresh(play, 'upload')));
    }
    case 'archive': {
      const files = ['one', 'two'].map((name): [string, string] => [
        `${name}.yaml`,
        configMap(`bundle-${name}`, fresh(play, 'archive')),
      ]);
      return upload(play, `${bundleOf(place)}.tgz`, await tgz(Object.fromEntries(files)));
    }
    case 'drift': {
      const value = fresh(play, 'drift');
      const isThere = await stage.cluster.patch(at(step.object), { data: { v: value } });
      if (!isThere) return 'it is not there';
      play.tally.count('people: drift');
      play.drifts.push(value);
      return value;
    }
    case 'delete':
      if (!(await stage.cluster.remove(at(step.object)))) return 'it is not there';
      play.tally.count('people: deletion');
      return '';
  }
}

async function commit(
  { stage, tally }: Play,
  what: string,
  changes: readonly (readonly [string, string | undefined])[],
): Promise<string> {
  tally.count(`people: commit (${what})`);
  return (await stage.person.push(new Map(changes), `Chaos: ${what}`)).slice(0, 8);
}

async function upload({ stage, uploads, tally }: Play, name: string, content: string | Buffer): Promise<string> {
  tally.count('CI: upload');
  const { pipeline } = stage;
  const file = pipeline.clients.storage.bucket(pipeline.facts.buckets.master).file(name);
  await file.save(content, { resumable: false });
  const generation = String(file.metadata.generation);
  uploads.push({ name, generation });
  return `${name}#${generation}`;
}
