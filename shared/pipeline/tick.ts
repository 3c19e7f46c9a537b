import { describeError } from '../base/errors.ts';
import type { Heartbeat } from '../ports/heartbeat.ts';
import type { GitHostConfig, RepositoryThere } from '../config/git-hosts.ts';
import type { AlertSink } from '../config/sinks.ts';
import { askHeld, type Redrive } from './ask-held.ts';
import { checkDrift } from './check-drift.ts';
import { announceUntold } from './common/announce-untold.ts';
import { lookAfterUnreachable, type DependencySettings } from './common/tell-unreachable.ts';
import type { DependencyWatch } from './common/watch-dependencies.ts';
import { writeBackLeft } from './common/write-back.ts';
import { copyUnseen } from './copy-artifact/copy-unseen.ts';
import type { CopyPorts, CopySettings } from './copy-artifact/run.ts';

export interface TickSettings {
  /** What its messages are named by: when the schedule called. */
  readonly tick: string;
  /** By class. */
  readonly repositories: Readonly<
    Record<string, RepositoryThere & { readonly bucket: string; readonly writeback: boolean }>
  >;
  readonly copySettings: (repositoryClass: string) => CopySettings;
  readonly dependencies: DependencySettings;
  readonly sinks: readonly AlertSink[];
  readonly gitHosts: readonly GitHostConfig[];
}

/**
 * One tick of the schedule: a look at every environment, one at every bucket, one at what is not written to Git, one at
 * what does not answer, one at what Git hosts do not know, and one at what sinks are told later; where all of that is done, who waits for a sign of life gets it. Throws, once all is done, what
 * kept a repository from being checked.
 */
export async function tickOnce(
  { tick, repositories, copySettings, dependencies, sinks, gitHosts }: TickSettings,
  {
    watch,
    heartbeat,
    redrive,
    ...wired
  }: CopyPorts & { readonly watch: DependencyWatch; readonly heartbeat: Heartbeat; readonly redrive: Redrive },
): Promise<{ readonly checked: readonly string[]; readonly copied: readonly string[] }> {
  const span = watch.begin();
  const ports = { ...wired, repository: watch.repository(wired.repository), buckets: watch.buckets(wired.buckets) };
  const [drift] = await Promise.allSettled([checkDrift({ repositories: Object.keys(repositories), tick }, ports)]);
  const buckets = Object.entries(repositories).map(([repositoryClass, { bucket }]) => ({
    bucket,
    settings: copySettings(repositoryClass),
  }));
  const copied = await copyUnseen(buckets, ports);
  const written = Object.entries(repositories).flatMap(([name, { writeback }]) => (writeback ? [name] : []));
  await Promise.all(written.map(async (name) => writeBackLeft(name, ports)));
  await span.tell();
  await lookAfterUnreachable({ settings: dependencies }, wired);
  await announceUntold({ gitHosts, repositories }, wired);
  await askHeld(sinks, { ...wired, redrive });
  // A repository that cannot be read keeps no other's uploads from being copied.
  if (drift.status === 'rejected') throw drift.reason;
  await beat(heartbeat, wired);
  return { checked: drift.value.checked, copied };
}

/** Never fails: who misses it says so. */
async function beat(heartbeat: Heartbeat, { log }: Pick<CopyPorts, 'log'>): Promise<void> {
  try {
    await heartbeat.beat();
  } catch (error) {
    log('WARNING', 'the heartbeat was not taken', { error: describeError(error) });
  }
}
