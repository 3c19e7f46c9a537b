import { z } from 'zod';
import { hooksOf, type Hook, type HookEvent, type HookPhase } from '../desired/hook.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';

/**
 * On the parent: which hooks of which release have run. It must survive the loss of the memory, which would run them
 * again.
 */
export const hooksAnnotation = 'converge.dev/hooks';

const attemptSchema = z.object({
  key: z.string(),
  /** `<event> <object key>` of each hook that is through. */
  completed: z.array(z.string()),
  /** Phases whose hooks are all through, and deleted where their policies say so. */
  finished: z.array(z.enum(['pre', 'post'])),
  /** The hook that failed last, and is to run anew. */
  failed: z.string().optional(),
});

const recordSchema = z.record(
  z.string(),
  z.object({
    /** The key of the release (see `release-key.ts`) that converged last; absent before the first time. */
    converged: z.string().optional(),
    /** What was run since then, for another key. */
    attempt: attemptSchema.optional(),
  }),
);

/** What has become of the hooks of each release, by its name. */
export type HookRecord = z.infer<typeof recordSchema>;
type Attempt = z.infer<typeof attemptSchema>;

/** A Helm release of an environment: what it is rendered from, and its hooks. */
export interface ReleaseHooks {
  readonly release: string;
  readonly key: string;
  readonly hooks: readonly Hook[];
}

/** What a parent records, or undefined where it records nothing that can be read: then the record is lost. */
export function readHookRecord(parent: KubernetesObject | undefined): HookRecord | undefined {
  try {
    return recordSchema.safeParse(JSON.parse(parent?.metadata.annotations?.[hooksAnnotation] ?? '')).data;
  } catch {
    return undefined;
  }
}

/** The annotation's text, or undefined for an environment without releases: it has none. */
export function writeHookRecord(record: HookRecord): string | undefined {
  const releases = Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  return releases.length === 0 ? undefined : JSON.stringify(Object.fromEntries(releases));
}

/** Every release as it is, converged: what was run until then need no longer be known. */
export function convergedRecord(releases: readonly ReleaseHooks[]): HookRecord {
  return Object.fromEntries(releases.map(({ release, key }) => [release, { converged: key }]));
}

/** The hooks of one release at one event that a run has to run, or go on with. */
export interface DueHooks {
  readonly release: string;
  readonly key: string;
  readonly event: HookEvent;
  readonly phase: HookPhase;
  /** In order; those that are through already included. */
  readonly hooks: readonly Hook[];
}

/**
 * What is due in a phase. A release that never converged is installed, any other is upgraded; one whose inputs are
 * those that converged last has nothing to run, nor has a phase that is through for these inputs.
 */
export function dueHooks({
  releases,
  record,
  phase,
  deleting = false,
}: {
  releases: readonly ReleaseHooks[];
  record: HookRecord;
  phase: HookPhase;
  /** Whether the releases are being deleted: then each phase is due once. */
  deleting?: boolean;
}): DueHooks[] {
  return releases.flatMap(({ release, key: madeFrom, hooks }) => {
    const { converged, attempt } = record[release] ?? {};
    const key = deleting ? `${madeFrom}-delete` : madeFrom;
    if (converged === key || (attempt?.key === key && attempt.finished.includes(phase))) return [];
    const event: HookEvent = deleting
      ? `${phase}-delete`
      : `${phase}-${converged === undefined ? 'install' : 'upgrade'}`;
    const due = hooksOf({ hooks, event });
    return due.length === 0 ? [] : [{ release, key, event, phase, hooks: due }];
  });
}

/** Whether a run has hooks to run before or after the other objects. */
export function areHooksDue({ releases, record }: { releases: readonly ReleaseHooks[]; record: HookRecord }): boolean {
  return (['pre', 'post'] as const).some((phase) => dueHooks({ releases, record, phase }).length > 0);
}

function attemptOf({ record, due }: { record: HookRecord; due: DueHooks }): Attempt {
  const attempt = record[due.release]?.attempt;
  return attempt?.key === due.key ? attempt : { key: due.key, completed: [], finished: [] };
}

function withAttempt({ record, due, attempt }: { record: HookRecord; due: DueHooks; attempt: Attempt }): HookRecord {
  return { ...record, [due.release]: { ...record[due.release], attempt } };
}

function nameOf({ event }: DueHooks, { desired }: Hook): string {
  return `${event} ${desired.key}`;
}

export function isCompleted({ record, due, hook }: { record: HookRecord; due: DueHooks; hook: Hook }): boolean {
  return attemptOf({ record, due }).completed.includes(nameOf(due, hook));
}

export function withCompleted({ record, due, hook }: { record: HookRecord; due: DueHooks; hook: Hook }): HookRecord {
  const { failed: _mended, ...attempt } = attemptOf({ record, due });
  return withAttempt({ record, due, attempt: { ...attempt, completed: [...attempt.completed, nameOf(due, hook)] } });
}

/** Whether it failed at the last attempt for these inputs. */
export function hasFailed({ record, due, hook }: { record: HookRecord; due: DueHooks; hook: Hook }): boolean {
  return attemptOf({ record, due }).failed === nameOf(due, hook);
}

/** @param again hooks that were through, and whose objects are deleted now: the next attempt applies them again */
export function withFailed({
  record,
  due,
  hook,
  again,
}: {
  record: HookRecord;
  due: DueHooks;
  hook: Hook;
  again: readonly Hook[];
}): HookRecord {
  const attempt = attemptOf({ record, due });
  const names = again.map((one) => nameOf(due, one));
  const completed = attempt.completed.filter((name) => !names.includes(name));
  return withAttempt({ record, due, attempt: { ...attempt, completed, failed: nameOf(due, hook) } });
}

/** The phase is through. */
export function withFinished({ record, due }: { record: HookRecord; due: DueHooks }): HookRecord {
  const attempt = attemptOf({ record, due });
  return withAttempt({ record, due, attempt: { ...attempt, finished: [...attempt.finished, due.phase] } });
}
