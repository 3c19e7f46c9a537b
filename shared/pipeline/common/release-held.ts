import type { AlertSink } from '../../config/sinks.ts';
import { redrivenAlert } from '../../events/found-letter.ts';
import { deliveryFolder } from '../../notices/delivery-record.ts';
import { heldCauses, heldFolder, heldIncidents } from '../../notices/held-alert.ts';
import { holdRulesOf } from '../../notices/sink-abilities.ts';
import type { DeadLetters } from '../../ports/messages.ts';
import type { ListedState } from '../../ports/storage.ts';
import { readHeldCause, readHeldIncident, type HeldPorts } from './held-alerts.ts';
import { inParallel } from './parallel.ts';

type ReleasePorts = Pick<HeldPorts, 'state' | 'log' | 'now'> & Pick<DeadLetters, 'redrive'>;

/** What is held of a sink that is configured no more is kept so long, as the sink may come back. Milliseconds. */
const keptFor = 31 * 86_400_000;

/**
 * Has a sink told what was held for it before its configuration said that it is told at once, and forgets what was held
 * for one that is configured no more. What nobody can read may be of a newer shape, and stays. Throws as `StateStore` and `redrive` do.
 *
 * @param listed all that is held
 */
export async function releaseHeld(
  { sinks, listed }: { sinks: readonly AlertSink[]; listed: readonly ListedState[] },
  ports: ReleasePorts,
): Promise<void> {
  for (const sink of sinks.filter((one) => holdRulesOf(one) === undefined)) {
    const folder = `${heldFolder}${deliveryFolder(sink.name)}`;
    const held = listed.filter(({ path }) => path.startsWith(folder));
    await inParallel(held, async (object) => release({ sink: sink.name, object }, ports));
  }
  const known = new Set(sinks.map(({ name }) => `${heldFolder}${deliveryFolder(name)}`));
  const before = ports.now().getTime() - keptFor;
  const gone = listed.filter(({ path, updatedAt }) => {
    const folder = /^held\/sinks\/[^/]+\//.exec(path)?.[0];
    return folder !== undefined && !known.has(folder) && updatedAt.getTime() <= before;
  });
  await inParallel(gone, async ({ path, generation }) => ports.state.delete({ path, generation }));
}

/** Told first: who dies between has it told once more, which the record of the sink knows. What nobody can read stays. */
async function release(
  { sink, object: { path, generation } }: { sink: string; object: ListedState },
  ports: ReleasePorts,
): Promise<void> {
  const [incidents, causes] = [heldIncidents(sink), heldCauses(sink)];
  const keyBelow = (folder: string): string => path.slice(folder.length).replace(/\.json$/, '');
  if (path.startsWith(incidents)) {
    const found = await readHeldIncident({ sink, incident: keyBelow(incidents) }, ports);
    if (found?.value === undefined) return;
    await ports.redrive(redrivenAlert(found.value.event, [sink]));
  } else if (path.startsWith(causes)) {
    const found = await readHeldCause({ sink, cause: keyBelow(causes) }, ports);
    if (found?.value === undefined) return;
  }
  await ports.state.delete({ path, generation });
}
