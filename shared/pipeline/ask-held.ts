import type { AlertSink } from '../config/sinks.ts';
import { describeError } from '../base/errors.ts';
import { redrivenAlert } from '../events/found-letter.ts';
import {
  causeDue,
  causesOf,
  heldFolder,
  isPausing,
  type CauseDue,
  type CauseInSink,
  type HoldRules,
} from '../notices/held-alert.ts';
import { holdRulesOf } from '../notices/sink-abilities.ts';
import type { DeadLetters } from '../ports/messages.ts';
import type { Ports } from '../ports/ports.ts';
import { acknowledgementOf, acknowledgementsIn } from './common/acknowledgements.ts';
import { leadOf } from './common/held-alerts.ts';
import { inParallel } from './common/parallel.ts';
import { releaseHeld } from './common/release-held.ts';
import { unheardEnd } from './common/unheard-end.ts';

export type Redrive = DeadLetters['redrive'];
export type AskPorts = Pick<Ports, 'state' | 'log' | 'now'> & { readonly redrive: Redrive };

/**
 * Has sinks told what they are due: what waited for others of its cause, for the end of quiet hours, or for a repeat. One
 * list where nothing is due, also where no sink is told anything later: one may have been before. Each cause is asked for by an alert of it,
 * sent once more to `deliverAlert`, which decides by what it reads. Never fails: the next tick asks again.
 */
export async function askHeld(sinks: readonly AlertSink[], ports: AskPorts): Promise<void> {
  const holding = sinks.flatMap(rulesFor);
  try {
    const listed = await ports.state.list(heldFolder);
    const now = ports.now().getTime();
    const known = acknowledgementsIn(listed);
    const due = holding.flatMap(({ sink, rules }) =>
      causesOf(sink, listed).flatMap((cause) => {
        const acknowledged = acknowledgementOf(cause.incidents, known);
        const what = causeDue(cause, { rules, now, acknowledged });
        return what === undefined || what === 'busy' || isPausing(cause, now) ? [] : [{ sink, cause, what }];
      }),
    );
    await inParallel(due, async (asked) => ask(asked, ports));
    await releaseHeld({ sinks, listed }, ports);
  } catch (error) {
    ports.log('WARNING', 'sinks could not be asked to tell what they are due', { error: describeError(error) });
  }
}

function rulesFor(sink: AlertSink): readonly { readonly sink: string; readonly rules: HoldRules }[] {
  const rules = holdRulesOf(sink);
  return rules === undefined ? [] : [{ sink: sink.name, rules }];
}

/** What is to be told again was open when it was told last: where it has ended since, that is told instead. */
async function ask(
  { sink, cause, what }: { sink: string; cause: CauseInSink; what: CauseDue },
  ports: AskPorts,
): Promise<void> {
  const lead = await leadOf({ sink, incidents: cause.incidents, head: cause.head }, ports);
  if (lead === undefined) return;
  const end = what === 'repeat' ? await unheardEnd(lead.value, ports) : undefined;
  await ports.redrive(redrivenAlert(end ?? lead.value.event, [sink]));
}
