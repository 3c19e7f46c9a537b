import { ConvergeError, describeError } from '../../base/errors.ts';
import { unwrittenBeside, unwrittenNotes, type Unwritten } from '../../memory/unwritten-notes.ts';
import type { Repository } from '../../ports/git.ts';
import type { Ports } from '../../ports/ports.ts';
import { environmentRef, notesRef } from '../../source/convergence-note.ts';
import { inParallel } from './parallel.ts';
import { restOf } from './pauses.ts';
import type { StateAccess } from './read-state.ts';
import { listRemembered, recallSome } from './remembered-environments.ts';
import { claimWriteback, type WritebackClaim } from './writeback-claim.ts';

/** How long one writer goes on with what comes meanwhile. The rest is the next one's, or the schedule's. */
const longestTurns = 60_000;
/** From the begin of one push to that of the next: what comes meanwhile goes with it. Milliseconds. */
const betweenTurns = 5_000;
/** Of one push: each that fails means that somebody else moved a ref. */
const triesToWrite = 20;

export type WritebackPorts = StateAccess & Pick<Ports, 'now' | 'sleep' | 'log' | 'repository'>;

/** The commits where the refs of environments are, by environment. */
type Places = ReadonlyMap<string, string>;

/** One environment whose convergences are to be written to Git. */
interface Due extends Unwritten {
  readonly environment: string;
  readonly ref: string | undefined;
}

/** What a push wrote, and where the refs are after it. */
interface Written {
  readonly due: readonly Due[];
  readonly places: Places;
}

/**
 * Writes what the environments of a repository converged at to Git: lines in the notes of the commits, and their refs,
 * in one push. One writer at a time does so for all; who finds another one leaves it to that one, which goes on as long
 * as anything comes, and looks once more after it has ended its claim. Never fails: what converged has converged, and the next writer takes what is left.
 */
export async function writeBackAll(repositoryClass: string, ports: WritebackPorts): Promise<void> {
  const endsAt = ports.now().getTime() + longestTurns;
  let written: Written;
  try {
    do {
      const claim = await claimWriteback(repositoryClass, ports);
      if (claim === undefined) return;
      try {
        written = await writeTurns({ repositoryClass, claim, endsAt, ports });
      } finally {
        await claim.end();
      }
    } while ((await isMoreDue({ repositoryClass, written, ports })) && ports.now().getTime() < endsAt);
  } catch (error) {
    logFailure(ports, { repository: repositoryClass, error: describeError(error) });
  }
}

/** One push after the other, until nothing more is due. */
async function writeTurns({
  repositoryClass,
  claim,
  endsAt,
  ports,
}: {
  repositoryClass: string;
  claim: WritebackClaim;
  endsAt: number;
  ports: WritebackPorts;
}): Promise<Written> {
  for (;;) {
    const beganAt = ports.now().getTime();
    const written = await writeDue(repositoryClass, ports);
    const nextAt = beganAt + betweenTurns;
    if (written.due.length === 0 || nextAt > endsAt) return written;
    if (!(await isMoreDue({ repositoryClass, written, ports }))) return written;
    await ports.sleep(restOf({ pause: betweenTurns, since: beganAt, now: ports.now() }));
    if (!(await claim.keep())) return written;
  }
}

/**
 * For the schedule: as `writeBackAll`, where anything is left to be written, as by a run that was killed. A look
 * without the claim.
 */
export async function writeBackLeft(repositoryClass: string, ports: WritebackPorts): Promise<void> {
  try {
    const places = placesIn(await listRefs(ports.repository(repositoryClass)));
    const listed = await listRemembered({ repository: repositoryClass, state: ports.state });
    if ((await dueAt({ repositoryClass, listed, places, ports })).length === 0) return;
  } catch (error) {
    logFailure(ports, { repository: repositoryClass, error: describeError(error) });
    return;
  }
  await writeBackAll(repositoryClass, ports);
}

/** One push of all that is due. */
async function writeDue(repositoryClass: string, ports: WritebackPorts): Promise<Written> {
  const repository = ports.repository(repositoryClass);
  for (let attempt = 0; attempt < triesToWrite; attempt++) {
    const refs = await listRefs(repository);
    const places = placesIn(refs);
    const listed = await listRemembered({ repository: repositoryClass, state: ports.state });
    const due = await dueAt({ repositoryClass, listed, places, ports });
    const after = new Map([...places, ...due.map(({ environment, commit }) => [environment, commit] as const)]);
    if (due.length === 0) return { due, places: after };
    if ((await push({ repository, at: refs.get(notesRef), due, ports })) === 'written') return { due, places: after };
  }
  throw new Error(`the refs moved ${triesToWrite} times while they were being written`);
}

/**
 * Whether anything converged since the last push looked. The ref of an environment that was removed meanwhile goes
 * again: whoever removed it may have looked before that push, after its memory said that it has no convergence to note
 * any more.
 */
async function isMoreDue({
  repositoryClass,
  written: { due, places },
  ports,
}: {
  repositoryClass: string;
  written: Written;
  ports: WritebackPorts;
}): Promise<boolean> {
  const listed = await listRemembered({ repository: repositoryClass, state: ports.state });
  const noted = listed.filter(({ metadata }) => metadata['version'] === undefined || metadata['noted'] !== undefined);
  const remembered = new Set(noted.map(({ environment }) => environment));
  const repository = ports.repository(repositoryClass);
  for (const { environment, commit } of due) {
    if (remembered.has(environment)) continue;
    await repository.writeRef({ name: environmentRef(environment), expected: commit, commit: undefined });
  }
  return (await dueAt({ repositoryClass, listed, places, ports })).length > 0;
}

async function listRefs(repository: Repository): Promise<ReadonlyMap<string, string>> {
  return repository.listRefs([notesRef, environmentRef('')]);
}

function placesIn(refs: ReadonlyMap<string, string>): Places {
  const prefix = environmentRef('');
  return new Map(
    [...refs].flatMap(([name, commit]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), commit]] : [])),
  );
}

/**
 * The environments that converged at more than their refs say: by a list of them, and a read of those memories alone
 * that have more than one note to be written.
 */
async function dueAt({
  repositoryClass: repository,
  listed,
  places,
  ports,
}: {
  repositoryClass: string;
  listed: Awaited<ReturnType<typeof listRemembered>>;
  places: Places;
  ports: WritebackPorts;
}): Promise<readonly Due[]> {
  const recall = recallSome({ repository }, ports);
  const found = await inParallel(listed, async ({ environment, metadata }) => {
    const ref = places.get(environment);
    const beside = unwrittenBeside(metadata, ref);
    const due = beside === 'in the memory' ? unwrittenNotes((await recall(environment)).memory, ref) : beside;
    return due === undefined ? [] : [{ ...due, environment, ref }];
  });
  return found.flat();
}

async function push({
  repository,
  at,
  due,
  ports,
}: {
  repository: Repository;
  at: string | undefined;
  due: readonly Due[];
  ports: WritebackPorts;
}): Promise<'written' | 'moved'> {
  const notes = due.flatMap((one) => one.notes);
  const refs = due.map(({ environment, ref, commit }) => ({
    name: environmentRef(environment),
    expected: ref,
    commit,
  }));
  try {
    return await repository.writeNotes({ ref: notesRef, at, notes, refs });
  } catch (error) {
    if (!isRefused(error) || refs.length === 0) throw error;
  }
  // One ref that the host refuses keeps all from being moved.
  if ((await repository.writeNotes({ ref: notesRef, at, notes, refs: [] })) === 'moved') return 'moved';
  for (const ref of refs) {
    await repository.writeRef(ref).catch((error: unknown) => {
      if (!isRefused(error)) throw error;
      logFailure(ports, { ref: ref.name, commit: ref.commit, error: describeError(error) });
    });
  }
  return 'written';
}

function isRefused(error: unknown): boolean {
  return error instanceof ConvergeError && error.code === 'GitRefused';
}

function logFailure({ log }: WritebackPorts, fields: Parameters<Ports['log']>[2]): void {
  log('WARNING', 'what converged could not be written back to Git', fields);
}
