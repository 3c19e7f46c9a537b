import { ConvergeError } from '../../../base/errors.ts';
import { applySetOf, deletionAnnotation } from '../../../inventory/applyset.ts';
import { failuresOf } from '../../../plan/change-set.ts';
import { lastAttempted, lastVersion, type DeclaredAt } from '../accept/removed-file.ts';
import { observe, type ObservedState } from '../observe/observed-state.ts';
import { readOwnParent } from '../observe/own-parent.ts';
import type { Run } from '../run/run.ts';
import { releaseObjects } from '../write/release-objects.ts';
import { failedObjects, leftOver, type Leave, type TornDown } from './leave.ts';
import { uninstall } from './uninstall.ts';

/** A removed environment, and what is there of it. */
export interface OpenedLeave {
  readonly leave: Leave;
  readonly observed: ObservedState;
  readonly last: DeclaredAt | undefined;
}

/** What is there of it; undefined where nobody knows where to look. */
export async function openLeave(
  run: Run,
  { commit, revision, attempted }: Pick<Leave, 'commit' | 'revision' | 'attempted'>,
): Promise<OpenedLeave | undefined> {
  const memory = run.memoryFile.memory();
  const last = await lastAttempted(run);
  const place = memory.cluster === '' ? last?.environment : memory;
  if (place === undefined) return undefined;
  const { repository, environment } = run;
  const cluster = await run.ports.cluster({ name: place.cluster, repository, environment });
  const api = await cluster.api();
  const { url } = run.ports.repository(repository);
  const own = applySetOf({ repository, environment, namespace: place.namespace, url });
  const parent = await readOwnParent({ run, cluster, applySet: own, memory, commit: commit.id });
  const observed = await observe({ cluster, api, applySet: own, remembered: memory.objects, parent });
  const said = observed.parent?.metadata.annotations?.[deletionAnnotation] === 'prune' ? 'prune' : 'release';
  const deletion = ((await lastVersion(run, commit)) ?? last?.environment)?.deletion ?? said;
  const leave: Leave = { run, revision, cluster, api, applySet: { ...own, deletion }, attempted, commit };
  return { leave, observed, last };
}

/** Releases or deletes what is there of it. */
export async function tearApart(
  { leave, observed, last }: OpenedLeave,
  { isSwept = false }: { isSwept?: boolean } = {},
): Promise<TornDown> {
  return leave.applySet.deletion === 'prune'
    ? await uninstall(leave, { observed, last, isSwept })
    : await release(leave, observed);
}

export function isEmpty({ parent, objects }: ObservedState): boolean {
  return parent === undefined && objects.size === 0;
}

async function release(leave: Leave, observed: ObservedState): Promise<TornDown> {
  const objects = [...observed.objects.values()];
  if (objects.length > 0) await assertHead(leave);
  const failures = failuresOf(await releaseObjects(leave, objects));
  if (failures.length > 0) return leftOver(leave, { reason: 'Failed', objects: failedObjects(failures, objects) });
  return { torn: 'down', pruned: 0, released: objects.length };
}

async function assertHead({ run, commit }: Leave): Promise<void> {
  if ((await run.ports.repository(run.repository).head()) === commit.id) return;
  throw new ConvergeError({
    code: 'GitUnavailable',
    subject: run.key,
    message: 'the branch moved on before the objects were released',
    disposition: 'retry',
  });
}
