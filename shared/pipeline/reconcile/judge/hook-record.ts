import { sameInputs } from '../../../environment/inputs.ts';
import { revisionAnnotation } from '../../../inventory/applyset.ts';
import { readHookRecord, type HookRecord } from '../../../inventory/hook-record.ts';
import type { DesiredState } from '../render/desired-state.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { Run } from '../run/run.ts';
import type { Target } from '../run/target.ts';

/**
 * What has become of the hooks before this run. Where the parent's record is lost, the memory tells what it can. A
 * release that Helm deployed and that is adopted is upgraded.
 */
export function hookRecordOf(
  { run }: Pick<Target, 'run'>,
  { desired, observed }: { desired: DesiredState; observed: ObservedState },
): HookRecord {
  const adopted = (observed.adoptedReleases ?? []).map((release) => [release, { converged: 'unknown' }] as const);
  return { ...Object.fromEntries(adopted), ...recordedHooks(run, { desired, observed }) };
}

function recordedHooks(
  run: Run,
  { desired, observed }: { desired: DesiredState; observed: ObservedState },
): HookRecord {
  const recorded = readHookRecord(observed.parent);
  if (recorded !== undefined) return recorded;
  const { converged } = run.memoryFile.memory();
  const never = converged === undefined && observed.parent?.metadata.annotations?.[revisionAnnotation] === undefined;
  if (never) return {};
  const unchanged = converged !== undefined && sameInputs({ attempted: converged.inputs, current: desired.inputs });
  return Object.fromEntries(
    desired.releases.map(({ release, key }) => [release, { converged: unchanged ? key : 'unknown' }]),
  );
}
