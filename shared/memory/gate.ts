import { isOpen, leavesTheRest } from './incident.ts';
import { ConvergeError } from '../base/errors.ts';
import { linesAt } from '../yaml/read-document.ts';
import { environmentPath, parseEnvironmentFile, type Environment } from '../environment/environment-file.ts';
import { declaredPaths, type Inputs } from '../environment/inputs.ts';
import type { Memory } from './memory.ts';
import { nearestName } from '../base/nearest-name.ts';
import { environmentSuspension } from '../environment/suspension.ts';

/** One environment file of a commit, as far as others depend on it. */
export type DeclaredEnvironment =
  | {
      readonly readable: true;
      readonly environment: Environment;
      /** Of each name in `dependsOn`, from 1. */ readonly lines: readonly number[];
    }
  | { readonly readable: false; readonly problem: string };

/** Never throws for a file that is wrong: that is its own run's business, and its dependents'. */
export function declareEnvironment({ file, text }: { file: string; text: string }): DeclaredEnvironment {
  try {
    const environment = parseEnvironmentFile({ file, text });
    return {
      readable: true,
      environment,
      lines: linesAt({ text, paths: environment.dependsOn.map((_, index) => ['spec', 'dependsOn', index]) }),
    };
  } catch (error) {
    if (error instanceof ConvergeError) return { readable: false, problem: error.message };
    throw error;
  }
}

/**
 * Refuses an environment that names one that is not there, or that is part of a loop. Others that depend on it are none
 * of those: they wait.
 *
 * @param names every environment of the commit
 * @param declared those that can be reached from it, at least
 * Throws `InvalidEnvironment` (refuse) naming file and line, and the nearest name or the loop.
 */
export function refuseWrongDependencies({
  name,
  names,
  declared,
}: {
  name: string;
  names: readonly string[];
  declared: ReadonlyMap<string, DeclaredEnvironment>;
}): void {
  const own = declared.get(name);
  if (own?.readable !== true) return;
  const { dependsOn } = own.environment;
  const refused = ({ index, message }: { index: number; message: string }): ConvergeError => {
    const subject = `${environmentPath(name)}:${own.lines[index] ?? 1}`;
    return new ConvergeError({
      code: 'InvalidEnvironment',
      subject,
      message: `spec.dependsOn.${index}: ${message}`,
      disposition: 'refuse',
    });
  };
  for (const [index, wanted] of dependsOn.entries()) {
    if (names.includes(wanted)) continue;
    const nearest = nearestName({ name: wanted, among: names.filter((other) => other !== name) });
    const meant = nearest === undefined ? 'there is no other' : `did you mean ${nearest}?`;
    throw refused({ index, message: `there is no environment ${wanted} in this repository; ${meant}` });
  }
  for (const [index, next] of dependsOn.entries()) {
    const way = shortestWay({ from: next, to: name, declared });
    if (way !== undefined)
      throw refused({ index, message: `the environments wait for each other: ${drawn([name, ...way.slice(0, -1)])}` });
  }
}

/** The names from one environment to another along `dependsOn`, both included. */
function shortestWay({
  from,
  to,
  declared,
}: {
  from: string;
  to: string;
  declared: ReadonlyMap<string, DeclaredEnvironment>;
}): string[] | undefined {
  const ways = [[from]];
  const seen = new Set([from]);
  for (const way of ways) {
    const last = way.at(-1) ?? '';
    if (last === to) return way;
    for (const next of dependenciesOf(declared.get(last))) {
      if (seen.has(next)) continue;
      seen.add(next);
      ways.push([...way, next]);
    }
  }
  return undefined;
}

/** A loop, from its first name by the alphabet, so that all that are in it say the same. */
function drawn(loop: readonly string[]): string {
  const [first = ''] = loop.toSorted();
  const start = loop.indexOf(first);
  return [...loop.slice(start), ...loop.slice(0, start), first].join(' → ');
}

export function dependenciesOf(declared: DeclaredEnvironment | undefined): readonly string[] {
  return declared?.readable === true ? declared.environment.dependsOn : [];
}

/**
 * Names in groups, each of which depends on earlier ones only, as far as there is such an order: what is in a loop
 * comes last.
 *
 * @param dependsOn by name; names that are not to be ordered count for nothing
 */
export function inDependencyOrder({
  names,
  dependsOn,
}: {
  names: readonly string[];
  dependsOn: ReadonlyMap<string, readonly string[]>;
}): string[][] {
  const groups: string[][] = [];
  let rest = [...names];
  while (rest.length > 0) {
    const left = new Set(rest);
    const ready = rest.filter((name) => !(dependsOn.get(name) ?? []).some((other) => left.has(other)));
    if (ready.length === 0) return [...groups, rest];
    groups.push(ready);
    rest = rest.filter((name) => !ready.includes(name));
  }
  return groups;
}

/** How far an environment that another depends on has come, at one commit. */
export type Readiness =
  | { readonly state: 'ready' }
  | { readonly state: 'pending'; readonly suspended: boolean }
  /** It will not become ready without a change. `message` says so, its name included. */
  | { readonly state: 'failed'; readonly message: string };

/** What is known of one environment that another depends on. */
export interface Dependency {
  readonly name: string;
  readonly declared: DeclaredEnvironment | undefined;
  readonly memory: Memory;
  /** The inputs at this commit: of every path that `memory` and the file name. */
  readonly current: Inputs;
  readonly now: Date;
}

/**
 * Whether an environment has converged with the inputs it has at this commit, and nothing has gone wrong since; drift
 * alone is healed, and keeps nobody waiting. One that is suspended is ready where its sources are those it converged
 * with: its file says `suspend`, and therefore is another.
 */
export function readinessOf({ name, declared, memory, current, now }: Dependency): Readiness {
  if (declared?.readable !== true)
    return { state: 'failed', message: `${name} cannot be read: ${declared?.problem ?? 'its file is gone'}` };
  const { attempted, converged, incident } = memory;
  const isCurrent = (inputs: Inputs, except = ''): boolean =>
    Object.entries(inputs).every(([path, id]) => path === except || current[path] === id);
  const { environment } = declared;
  if (environmentSuspension(environment, now) !== undefined) {
    const file = environmentPath(environment.name);
    const known =
      converged !== undefined &&
      isCurrent(converged.inputs, file) &&
      declaredPaths(environment).every((path) => path in converged.inputs);
    return known ? { state: 'ready' } : { state: 'pending', suspended: true };
  }
  const failure = isOpen(incident) && !leavesTheRest(incident) ? incident : undefined;
  // An incident of another revision than the one attempted last is about to be closed, or told anew.
  if (failure !== undefined && attempted?.revision === failure.revision && isCurrent(attempted.inputs)) {
    return { state: 'failed', message: `waits for ${name}, which failed: ${failure.summary}` };
  }
  if (failure === undefined && converged !== undefined && isCurrent(converged.inputs)) return { state: 'ready' };
  return { state: 'pending', suspended: false };
}

/** Whether an environment may go on, by all that it depends on; `message` says what it waits for. */
export type Gate = { readonly gate: 'open' } | { readonly gate: 'waiting' | 'blocked'; readonly message: string };

export function gateOf(dependencies: readonly Dependency[]): Gate {
  const all = dependencies.map((dependency) => ({ name: dependency.name, readiness: readinessOf(dependency) }));
  const failed = all.flatMap(({ readiness }) => (readiness.state === 'failed' ? [readiness.message] : []));
  if (failed.length > 0) return { gate: 'blocked', message: failed.join('; ') };
  const pending = all.flatMap(({ name, readiness }) =>
    readiness.state === 'pending' ? [readiness.suspended ? `${name}, which is suspended` : name] : [],
  );
  return pending.length === 0
    ? { gate: 'open' }
    : { gate: 'waiting', message: `waits for ${pending.join(', and for ')}` };
}
