import { secretResource } from '../../../objects/core-resources.ts';
import { deployedSelector, saysDeployed } from '../../../ownership/helm-release.ts';
import type { DesiredState } from '../render/desired-state.ts';
import { parentResource, type ObservedState } from '../observe/observed-state.ts';
import { hookRecordOf } from './hook-record.ts';
import type { Target } from '../run/target.ts';

/**
 * Looks which of the releases that are new here Helm has deployed before: adopted, they are upgraded, and no hook of an
 * install runs. Only asked where the environment adopts, and until a release has a record of its own.
 *
 * Throws what the cluster throws: a record that may not be read is not absent.
 */
export async function lookForReleases(
  { run, environment, cluster }: Pick<Target, 'run' | 'environment' | 'cluster'>,
  { desired, observed }: { desired: DesiredState; observed: ObservedState },
): Promise<ObservedState> {
  const record = hookRecordOf({ run }, { desired, observed });
  const ofHelm = environment.sources.flatMap((source) => (source.kind === 'helm' ? [source.release] : []));
  const unheard = environment.adopt
    ? desired.releases.filter(({ release }) => ofHelm.includes(release) && record[release] === undefined)
    : [];
  const adoptedReleases: string[] = [];
  for (const { release } of unheard) {
    for (const resource of [secretResource, parentResource]) {
      const records = await cluster.list({
        resource,
        namespace: environment.namespace,
        labelSelector: deployedSelector(release),
        content: 'whole',
      });
      if (!records.some((one) => saysDeployed({ record: one, release }))) continue;
      adoptedReleases.push(release);
      break;
    }
  }
  return adoptedReleases.length === 0 ? observed : { ...observed, adoptedReleases };
}
