import { boundedText, largestLine, largestTitle, mostLines } from './bounded-text.ts';
import type { HeldCause, ListedIncident } from './held-alert.ts';
import type { Notice } from './notice.ts';

/** Of those that have a cause in common so many are named. */
const mostNamed = 10;

/**
 * What is told of a cause: the alert of one of its incidents, under the incident by which the sink knows it, with how
 * many there are and which, where there is more than one.
 *
 * @param notice of the alert
 */
export function joinedNotice(
  notice: Notice,
  { head, incidents, still }: { head: HeldCause; incidents: readonly ListedIncident[]; still?: number | undefined },
): Notice {
  const open = incidents.filter(({ state }) => state === 'open');
  const told = { ...notice, incident: head.first };
  const repeated = still === undefined ? [] : [`Still so: this is told for the ${still + 1}. time`];
  if (incidents.length < 2) return { ...told, lines: [...repeated, ...notice.lines].slice(0, mostLines) };
  const count = notice.state === 'closed' ? incidents.length : open.length;
  const alike = [...repeated, countLine({ open, all: incidents })];
  return {
    ...told,
    title: boundedText(count < 2 ? notice.title : `${count} alike: ${notice.title}`, largestTitle),
    lines: [...alike, ...notice.lines].slice(0, mostLines),
  };
}

function countLine({ open, all }: { open: readonly ListedIncident[]; all: readonly ListedIncident[] }): string {
  if (open.length === 0) return `All ${all.length} have ended`;
  const named = open.slice(0, mostNamed).map(({ about }) => boundedText(about, 60));
  const further = open.length - named.length;
  const names = `${named.join(', ')}${further === 0 ? '' : ` and ${further} more`}`;
  const ended = all.length - open.length;
  return boundedText(`${open.length} open${ended === 0 ? '' : `, ${ended} ended`}: ${names}`, largestLine);
}
