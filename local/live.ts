import { visibleText } from '../shared/base/visible-text.ts';
import { eventId } from '../shared/events/cloud-event.ts';
import type { Inbox, InboxMessage } from './parts/inbox.ts';
import type { EarlyPipeline } from './pipeline.ts';
import type { Say, Tone } from './say.ts';
import { subscribeToTopics, type Seen } from './topics.ts';

/** Of the last so many messages it is known that they came: one that comes again is not told again. */
const mostRemembered = 10_000;

/** Tells what happens in a pipeline from now on, a line each with the time of day in UTC, until it is stopped. */
export async function tellLive({
  pipeline: { clients },
  inbox,
  say,
  now = () => new Date(),
}: {
  pipeline: Pick<EarlyPipeline, 'clients'>;
  inbox: Inbox;
  say: Say;
  now?: () => Date;
}): Promise<{ stop(): Promise<void> }> {
  const tellLine = ({ what, words, tone }: LiveLine): void =>
    say(`${now().toISOString().slice(11, 19)}  ${what.padEnd(9)}  ${visibleText(words)}`, tone);
  const told = new Set<string>();
  const isNew = (key: string): boolean => {
    if (told.has(key)) return false;
    told.add(key);
    const [oldest] = told;
    if (told.size > mostRemembered && oldest !== undefined) told.delete(oldest);
    return true;
  };
  const subscriptions = await subscribeToTopics({
    pubsub: clients.pubsub,
    name: `live-${eventId(now().toISOString()).slice(0, 8)}`,
    take: (seen) => {
      // Of each environment, at each tick, and almost always for nothing.
      if (seen.kind === 'reconcile' && seen.data.cause === 'schedule') return;
      if (isNew(`${seen.kind} ${seen.id}`)) tellLine(lineOf(seen));
    },
    fail: (error) => tellLine({ what: 'unread', words: error.message, tone: 'bad' }),
  });
  const stopping = new AbortController();
  const telling = tellInbox({ inbox, signal: stopping.signal, tellLine });
  return {
    async stop() {
      stopping.abort();
      await telling;
      await subscriptions.stop();
    },
  };
}

export interface LiveLine {
  readonly what: string;
  readonly words: string;
  readonly tone: Tone;
}

async function tellInbox({
  inbox,
  signal,
  tellLine,
}: {
  inbox: Inbox;
  signal: AbortSignal;
  tellLine: (line: LiveLine) => void;
}): Promise<void> {
  let last = inbox.messages().at(-1)?.number ?? 0;
  while (!signal.aborted) {
    for (const message of inbox.messages().filter(({ number }) => number > last)) {
      last = message.number;
      tellLine(deliveryLine(message));
    }
    await inbox.next(signal).catch(() => {});
  }
}

function deliveryLine({ by, state, title }: InboxMessage): LiveLine {
  return { what: 'told', words: `${by}, ${state}: ${title}`, tone: 'step' };
}

/** What a message says, in a line. */
export function lineOf(seen: Seen): LiveLine {
  switch (seen.kind) {
    case 'upload':
      return { what: 'upload', words: `gs://${seen.data.bucket}/${seen.data.name}`, tone: 'step' };
    case 'change-committed': {
      const { repository, branch, commit, artifacts } = seen.data;
      const of = artifacts.map(({ bucket, name }) => `gs://${bucket}/${name}`);
      const from = of.length === 0 ? '' : ` of ${of.join(', ')}`;
      return { what: 'commit', words: `${commit.slice(0, 7)} on ${branch} of ${repository}${from}`, tone: 'step' };
    }
    case 'reconcile': {
      const { repository, environment, cause } = seen.data;
      return { what: 'job', words: `${repository}/${environment}, for a ${cause}`, tone: 'step' };
    }
    case 'diff': {
      const { repository, environment, summary, reason, action } = seen.data;
      return { what: 'diff', words: `${repository}/${environment}: ${summary} (${reason}, ${action})`, tone: 'bad' };
    }
    case 'converged': {
      const { repository, environment, changes, seconds } = seen.data;
      const counts = Object.entries(changes).filter(([, count]) => count > 0);
      const words = counts.map(([verb, count]) => `${count} ${verb}`).join(', ') || 'nothing to do';
      return {
        what: 'converged',
        words: `${repository}/${environment}: ${words}; ${seconds.toFixed(1)} s`,
        tone: 'good',
      };
    }
    case 'alert':
      return alertLine(seen.alert);
    case 'dead-letter': {
      const { stage, subject, reason, message } = seen.data;
      return { what: 'given up', words: `${stage} ${subject}: ${reason}, ${message}`, tone: 'bad' };
    }
  }
}

function alertLine(alert: Extract<Seen, { kind: 'alert' }>['alert']): LiveLine {
  switch (alert.kind) {
    case 'report':
      return { what: 'report', words: alert.data.name ?? 'made', tone: 'step' };
    case 'dependency':
      return alert.topic === 'diff'
        ? { what: 'diff', words: `${alert.data.subject} does not answer: ${alert.data.message}`, tone: 'bad' }
        : { what: 'converged', words: `${alert.data.subject} ${alert.data.outcome}`, tone: 'good' };
    case 'upload':
      return alert.topic === 'diff'
        ? { what: 'refused', words: `${alert.data.artifact}: ${alert.data.reason}, ${alert.data.message}`, tone: 'bad' }
        : { what: 'accepted', words: `${alert.data.artifact} ${alert.data.outcome}`, tone: 'good' };
  }
}
