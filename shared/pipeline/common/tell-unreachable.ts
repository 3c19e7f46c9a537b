import { randomUUID } from 'node:crypto';
import { describeError, type ConvergeError } from '../../base/errors.ts';
import {
  behindOf,
  dependencySubject,
  encodeDependencyAlert,
  type Behind,
  type Dependency,
} from '../../events/dependency-alert.ts';
import {
  answeredAgain,
  decodeUnreachable,
  isMetNoMore,
  isOpenIncident,
  meetUnreachable,
  unreachableFolder,
  unreachablePath,
  type Unreachable,
} from '../../memory/unreachable.ts';
import type { Ports } from '../../ports/ports.ts';
import { betweenWrites } from './pauses.ts';
import { ageOf, readState, valueOrNone, type ReadState, type StateAccess } from './read-state.ts';
import { recallMemories, rememberedEnvironments } from './remembered-environments.ts';

/** For as long, whoever wrote an alert down is taken to be publishing it. Milliseconds. */
const publishesFor = 10_000;

export type TellUnreachablePorts = Pick<Ports, 'now' | 'log' | 'state' | 'topics' | 'sleep'>;

/** A dependency, and the class that a repository or a bucket is of. */
export type Place = Dependency & { readonly repositoryClass: string | undefined };

/** One whose incident is open. */
export type OpenUnreachable = Unreachable & { readonly incident: string } & Pick<Place, 'repositoryClass'>;

export interface DependencySettings {
  /** The classes of the configuration, by the bucket of each. */
  readonly classOfBucket: ReadonlyMap<string, string>;
  /** Milliseconds that something must not have answered for. */
  readonly unreachableAfter: number;
}

/**
 * Notes that something did not answer, and opens its incident where that has lasted, whichever instance of whichever
 * function met it first: told once. Never fails, whatever it meets; nothing comes of it for the message that met it, which is retried.
 *
 * @param begunAt when the request was sent that got no answer
 */
export async function tellUnreachable(
  {
    place,
    error,
    begunAt,
    settings,
  }: { place: Place; error: ConvergeError; begunAt: Date; settings: DependencySettings },
  ports: TellUnreachablePorts,
): Promise<void> {
  const { code, problem, remedy } = error;
  await orWarn(place, ports, async () => {
    const path = unreachablePath(place);
    const found = await readState({ path, decode: decodeUnreachable }, ports);
    if (found !== undefined && (await isInHand(found, { path, ports }))) return;
    const known = valueOrNone(found);
    const meeting = meetUnreachable({
      ...{ known, of: place, begunAt, now: ports.now(), after: settings.unreachableAfter },
      met: { code, problem, remedy, writer: randomUUID() },
    });
    if (meeting.does === 'nothing') return;
    const next = meeting.does === 'note' ? meeting.next : meeting.open(await whoStandsOn(place, { settings, ports }));
    await writeAndPublish({ path, next, found }, ports);
  });
}

/**
 * Ends what an answer ends. Never fails.
 *
 * @param found what was noted when the work began that got the answer: where it was written since, it is read once more
 */
export async function tellReachable(
  { place, found }: { place: Place; found: ReadState<Unreachable> },
  ports: TellUnreachablePorts,
): Promise<void> {
  await orWarn(place, ports, async () => {
    const path = unreachablePath(place);
    if (await endNote({ path, found, outcome: 'answered' }, ports)) return;
    const now = await readState({ path, decode: decodeUnreachable }, ports);
    if (now !== undefined) await endNote({ path, found: now, outcome: 'answered' }, ports);
  });
}

/** False where somebody else wrote meanwhile. */

async function endNote(
  { path, found, outcome }: { path: string; found: ReadState<Unreachable>; outcome: 'answered' | 'unused' },
  ports: TellUnreachablePorts,
): Promise<boolean> {
  if (await isInHand(found, { path, ports })) return true;
  const known = valueOrNone(found);
  const answer =
    known === undefined
      ? ({ does: 'forget' } as const)
      : answeredAgain({ known, outcome, now: ports.now(), writer: randomUUID() });
  if (answer.does === 'nothing') return true;
  if (answer.does === 'end') return await writeAndPublish({ path, next: answer.next, found }, ports);
  return (await ports.state.delete({ path, generation: found.generation })) !== 'conflict';
}

/**
 * Whether somebody writes it down in this second, or publishes what it says: what he leaves unpublished, who was killed
 * in between, is published here.
 */
async function isInHand(
  found: ReadState<Unreachable>,
  { path, ports }: { path: string; ports: TellUnreachablePorts },
): Promise<boolean> {
  const age = ageOf(found);
  if (age < betweenWrites) return true;
  const known = valueOrNone(found);
  if (known === undefined || (known.outbox.length === 0 && known.endedAt === undefined)) return false;
  if (age >= publishesFor) await publish({ path, known, generation: found.generation }, ports);
  return true;
}

/** False where somebody else wrote meanwhile. */
async function writeAndPublish(
  { path, next, found }: { path: string; next: Unreachable; found: ReadState<Unreachable> | undefined },
  ports: TellUnreachablePorts,
): Promise<boolean> {
  const ifGeneration = found === undefined ? 'absent' : { generation: found.generation };
  const written = await ports.state.write({ path, value: next, ifGeneration });
  if (next.outbox.length === 0) return written !== 'conflict';
  const generation = written === 'conflict' ? await ownGeneration({ path, next }, ports) : written.generation;
  if (generation === undefined) return false;
  const began = ports.now().getTime();
  await publish({ path, known: next, generation, pause: () => began + betweenWrites - ports.now().getTime() }, ports);
  return true;
}

/** Where the answer to the write was lost; undefined where another wrote. */
async function ownGeneration(
  { path, next }: { path: string; next: Unreachable },
  ports: TellUnreachablePorts,
): Promise<string | undefined> {
  const found = await readState({ path, decode: decodeUnreachable }, ports);
  return valueOrNone(found)?.writer === next.writer ? found?.generation : undefined;
}

/** What is published twice, as who was to take it down died, has the same id. */
async function publish(
  { path, known, generation, pause }: { path: string; known: Unreachable; generation: string; pause?: () => number },
  ports: TellUnreachablePorts,
): Promise<void> {
  for (const alert of known.outbox)
    await ports.topics.publish(alert.topic, encodeDependencyAlert(alert, new Date(alert.time)));
  const remaining = pause?.() ?? 0;
  if (remaining > 0) await ports.sleep(remaining);
  if (known.endedAt !== undefined) await ports.state.delete({ path, generation });
  else await ports.state.write({ path, value: { ...known, outbox: [] }, ifGeneration: { generation } });
}

async function whoStandsOn(
  { kind, name, repositoryClass }: Place,
  { settings, ports }: { settings: DependencySettings; ports: TellUnreachablePorts },
): Promise<Behind> {
  if (kind !== 'cluster') {
    const repository = repositoryClass ?? name;
    const environments = await rememberedEnvironments({ repository, state: ports.state });
    return behindOf(environments.map((environment) => `${repository}/${environment}`));
  }
  const behind: string[] = [];
  for (const repository of new Set(settings.classOfBucket.values()))
    for (const [environment, { memory }] of await recallMemories({ repository }, ports))
      if (memory.cluster === name) behind.push(`${repository}/${environment}`);
  return behindOf(behind);
}

async function orWarn(place: Dependency, { log }: Pick<Ports, 'log'>, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const facts = { subject: dependencySubject(place), error: describeError(error) };
    log('WARNING', 'what does not answer, or does again, could not be noted', facts);
  }
}

/** What does not answer, and has an incident for it, by subject. Throws `StorageUnavailable` (retry). */
export async function unreachableNow(access: StateAccess): Promise<readonly OpenUnreachable[]> {
  const open: OpenUnreachable[] = [];
  for (const { path } of await access.state.list(unreachableFolder)) {
    const known = valueOrNone(await readState({ path, decode: decodeUnreachable }, access));
    if (known !== undefined && isOpenIncident(known)) open.push({ ...known, repositoryClass: classIn(path) });
  }
  return open.sort((a, b) => (dependencySubject(a) < dependencySubject(b) ? -1 : 1));
}

/**
 * Publishes what a function left that died, and ends what nothing stands on any more: no look would. Never fails.
 */
export async function lookAfterUnreachable(
  { settings }: { settings: DependencySettings },
  ports: TellUnreachablePorts,
): Promise<void> {
  try {
    for (const { path } of await ports.state.list(unreachableFolder)) {
      const found = await readState({ path, decode: decodeUnreachable }, ports);
      const known = valueOrNone(found);
      if (found === undefined || known === undefined || (await isInHand(found, { path, ports }))) continue;
      const place = { kind: known.kind, name: known.name, repositoryClass: classIn(path) };
      if (isMetNoMore(known, ports.now()) && (await isUnused(place, { settings, ports })))
        await endNote({ path, found, outcome: 'unused' }, ports);
    }
  } catch (error) {
    ports.log('WARNING', 'what does not answer could not be looked after', { error: describeError(error) });
  }
}

/** A cluster on which no environment is known to stand, and what the configuration has no more. */
async function isUnused(
  place: Place,
  { settings, ports }: { settings: DependencySettings; ports: TellUnreachablePorts },
): Promise<boolean> {
  const { kind, name, repositoryClass } = place;
  switch (kind) {
    case 'cluster':
      return (await whoStandsOn(place, { settings, ports })).count === 0;
    case 'repository':
      return ![...settings.classOfBucket.values()].includes(name);
    case 'bucket':
      return settings.classOfBucket.get(name) !== repositoryClass;
  }
}

function classIn(path: string): string | undefined {
  const folder = path.slice(unreachableFolder.length).split('/')[0];
  return folder === '_' ? undefined : folder;
}
