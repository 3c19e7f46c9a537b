import type { AlertSink, SinkKind } from '../config/sinks.ts';
import type { ReceivedAlert } from '../events/received-alert.ts';
import type { SinkAbilities } from './delivery-record.ts';
import type { HoldRules } from './held-alert.ts';

/**
 * A mail cannot be changed once it is sent, nor what an incoming webhook of Google Chat posted: those get the beginning
 * and the end. People are told of nothing that differed in no way.
 */
const abilities: Readonly<Record<SinkKind, SinkAbilities>> = {
  webhook: { updates: true, news: true },
  slack: { updates: true, news: false },
  googleChat: { updates: false, news: false },
  pagerduty: { updates: true, news: false },
  email: { updates: false, news: false },
};

/** Where people read a page, or its summary. A pager and a commit have no place for one. */
const takeReports: ReadonlySet<SinkKind> = new Set(['webhook', 'slack', 'googleChat', 'email']);

/** @param kind of the alert */
export function abilitiesOf(sink: AlertSink, kind?: ReceivedAlert['kind']): SinkAbilities {
  const own = abilities[kindOf(sink)];
  const usual = kind === 'report' ? { ...own, news: takeReports.has(kindOf(sink)) } : own;
  return sink.googleChat?.space === undefined ? usual : { ...usual, updates: true };
}

export function kindOf({ webhook, slack, googleChat, pagerduty }: AlertSink): SinkKind {
  if (webhook !== undefined) return 'webhook';
  if (slack !== undefined) return 'slack';
  if (googleChat !== undefined) return 'googleChat';
  return pagerduty === undefined ? 'email' : 'pagerduty';
}

/** People are told once of one cause; a program is told of each incident. */
const joining: ReadonlySet<SinkKind> = new Set(['slack', 'googleChat', 'pagerduty', 'email']);

/** How a sink wants to be told; undefined: of each alert by itself, at once, and once. */
export function holdRulesOf(sink: AlertSink): HoldRules | undefined {
  const { quietHours = [], repeat } = sink;
  const joins = joining.has(kindOf(sink));
  if (!joins && quietHours.length === 0 && repeat === undefined) return undefined;
  return { joins, canUpdate: abilitiesOf(sink).updates, quietHours, repeat };
}
