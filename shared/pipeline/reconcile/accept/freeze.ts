import { isTime, parseTime } from '../../../base/time.ts';
import type { ToldOverride } from '../../../events/alert.ts';
import type { Override } from '../../../events/reconcile-requested.ts';
import { freezeAt, type OpenFreeze } from '../../../config/freeze.ts';
import type { Environment } from '../../../environment/environment-file.ts';
import { sameInputs } from '../../../environment/inputs.ts';
import { frozenBy, frozenWords, type Frozen } from '../../../environment/frozen.ts';
import { freezeFound, freezePassed, overrideEnded, thawed } from '../../../memory/transitions/accept.ts';
import type { AttemptedRevision } from '../../../memory/memory.ts';
import type { Commit } from '../../../ports/git.ts';
import { chooses } from '../../../report/choice.ts';
import { readInputs } from '../../common/render-inputs.ts';
import { sameAttempt } from '../run/attempt.ts';
import type { Run } from '../run/run.ts';
import type { RunResult } from '../run/target.ts';
import { lastAttempted, lastVersion } from './removed-file.ts';

/**
 * Whether this run is to leave an environment as it is, which the memory then says. What is under way when a window
 * begins is no new undertaking: the run that goes on with it may.
 */
export async function beginFreeze(
  run: Run,
  { commit, environment, attempted }: { commit: Commit; environment: Environment; attempted: AttemptedRevision },
): Promise<Frozen | undefined> {
  const open = openFreeze(run, environment);
  if (open === undefined || (await isUnderWay(run, commit))) {
    endFreeze(run);
    return undefined;
  }
  const passed = await passedBy(run, commit);
  if (passed !== undefined) {
    const { by, reason } = passed;
    const at = run.ports.now().toISOString();
    const override = 'window' in passed ? passed : { window: open.window.name, by, reason, at };
    run.memoryFile.remember(freezePassed, { override });
    return undefined;
  }
  const waits = await isWaiting(run, commit);
  const frozen = frozenBy(open, { waits: waits ? attempted.revision : null });
  run.memoryFile.remember(freezeFound, { frozen, attempted: waits ? sameAttempt(run, attempted) : undefined });
  return frozen;
}

/**
 * By whose word this run goes past a freeze. A message that goes on passes it only for what was begun so, and not for a
 * commit that came since.
 */
async function passedBy(
  { override: asked, ...run }: Run,
  commit: Commit,
): Promise<ToldOverride | Override | undefined> {
  if (asked === undefined || !isTime(asked.until) || run.ports.now().getTime() >= parseTime(asked.until))
    return undefined;
  if (asked.begins) return asked;
  const { override, attempted } = run.memoryFile.memory();
  if (override === undefined || attempted === undefined) return undefined;
  return (await isMadeOf(run, { commit, inputs: attempted.inputs })) ? override : undefined;
}

/** What was begun past a freeze is over with the run that leaves nothing waiting. */
export function endOverride({ memoryFile }: Run): void {
  const { override, waiting } = memoryFile.memory();
  if (override !== undefined && waiting === undefined) memoryFile.remember(overrideEnded);
}

/**
 * How a run ends that is to take leave of an environment in a freeze, by its last file and by the operator's; undefined
 * where there is none.
 */
export async function freezeOfRemoved(
  run: Run,
  { commit, revision }: { commit: Commit; revision: string },
): Promise<RunResult | undefined> {
  const last = (await lastVersion(run, commit)) ?? (await lastAttempted(run))?.environment;
  const open = openFreeze(run, { freeze: last?.freeze ?? [], labels: last?.labels ?? {} });
  if (open === undefined) {
    endFreeze(run);
    return undefined;
  }
  const frozen = frozenBy(open, { waits: revision });
  run.memoryFile.remember(freezeFound, { frozen, attempted: undefined });
  return { outcome: 'frozen', revision, message: frozenWords(frozen) };
}

function endFreeze({ memoryFile }: Run): void {
  if (memoryFile.memory().frozen !== undefined) memoryFile.remember(thawed);
}

interface FreezeOf extends Pick<Run, 'repository' | 'environment'> {
  readonly settings: Pick<Run['settings'], 'freeze'>;
  readonly ports: Pick<Run['ports'], 'now'>;
}

/** The freeze that an environment is in now. */
export function openFreeze(
  { repository, environment: name, settings, ports }: FreezeOf,
  { freeze, labels }: Pick<Environment, 'freeze' | 'labels'>,
): OpenFreeze | undefined {
  const configured = (settings.freeze ?? []).filter(({ classes = [], environments = [], labels: said = {} }) =>
    chooses({ classes, environments, labels: said }, { repository, name, labels }),
  );
  return freezeAt({ windows: [...configured, ...freeze], now: ports.now().getTime() });
}

/** Whether a run left something of this very state waiting: objects of it are applied, and others are yet to be. */
async function isUnderWay(run: Run, commit: Commit): Promise<boolean> {
  const { waiting, attempted } = run.memoryFile.memory();
  if (waiting === undefined || waiting.revision !== attempted?.revision) return false;
  return await isMadeOf(run, { commit, inputs: attempted.inputs });
}

async function isMadeOf(
  run: Run,
  { commit, inputs }: { commit: Commit; inputs: AttemptedRevision['inputs'] },
): Promise<boolean> {
  return sameInputs({ attempted: inputs, current: await inputsAt(run, commit, Object.keys(inputs)) });
}

/** Whether the environment is made of something else at this commit than what it converged with. */
async function isWaiting(run: Run, commit: Commit): Promise<boolean> {
  const { converged } = run.memoryFile.memory();
  if (converged === undefined) return true;
  return !(await isMadeOf(run, { commit, inputs: converged.inputs }));
}

async function inputsAt(run: Run, commit: Commit, paths: readonly string[]) {
  return readInputs({ repository: run.ports.repository(run.repository), commit: commit.id, paths });
}
