import { ConvergeError } from '../../base/errors.ts';
import { decodeLease, leaseVersion, standingOf } from '../../memory/lease.ts';
import { heldOf } from '../../memory/remembered-state.ts';
import { statePaths } from '../../memory/state-paths.ts';
import { ageOf, readState, valueOrNone } from '../common/read-state.ts';
import { checkDependencies } from '../reconcile/accept/dependencies.ts';
import type { Inspection } from './open-inspection.ts';
import {
  environmentSuspension,
  environmentSuspensionWords,
  type EnvironmentSuspension,
} from '../../environment/suspension.ts';

/** What an environment waits for, in sentences: the one that keeps all others first. */
export async function whatItWaitsFor({ target, memory }: Pick<Inspection, 'target' | 'memory'>): Promise<string[]> {
  const { run, environment, commit } = target;
  const { waiting } = memory;
  const suspension = environmentSuspension(environment, run.ports.now());
  const said = [
    suspension === undefined ? '' : suspendedWords(suspension),
    await dependencies(target),
    heldOf(memory)?.message ?? '',
    waiting?.message ?? '',
    await leaseWords({ target, memory }),
  ];
  if (memory.attempted?.commit !== commit.id && suspension === undefined)
    said.push(
      `no run has attempted ${target.revision} yet: ${memory.attempted?.revision ?? 'nothing'} was attempted last by ${run.key}`,
    );
  return [...new Set(said)].filter((words) => words !== '');
}

function suspendedWords(suspension: EnvironmentSuspension): string {
  const key = suspension.until === undefined ? 'spec.suspend' : 'spec.suspendUntil';
  const end = suspension.until === undefined ? 'it is taken out' : 'then, or until it is taken out';
  return `${key} is set in its file (${environmentSuspensionWords(suspension)}): nothing is applied or healed until ${end}`;
}

async function dependencies({ run, environment, commit }: Inspection['target']): Promise<string> {
  try {
    const gate = await checkDependencies(run, { environment, commit: commit.id });
    return gate.gate === 'open' ? '' : gate.message;
  } catch (error) {
    if (error instanceof ConvergeError && error.disposition === 'refuse') return error.message;
    throw error;
  }
}

/** Nobody else may act while a run is at work. */
async function leaseWords({ target: { run }, memory }: Pick<Inspection, 'target' | 'memory'>): Promise<string> {
  const path = statePaths({ repository: run.repository, environment: run.environment }).lease;
  const found = await readState({ path, decode: decodeLease, newest: leaseVersion }, run.ports);
  const lease = valueOrNone(found);
  if (found === undefined || lease === undefined) return '';
  const age = ageOf(found);
  const standing = standingOf({ lease, ended: memory.ended, age });
  if (standing === 'free') return '';
  const since = `for ${Math.round(age / 1000)} s, of message ${lease.event}`;
  return standing === 'held'
    ? `a run is at work and has the lease ${since}`
    : `a run that had the lease ${since}, is over or dead: the next one ends it`;
}
