import {
  causeMetadata,
  causesOf,
  decodeHeldCause,
  decodeHeldIncident,
  heldCausePath,
  heldIncidentPath,
  heldIncidents,
  incidentMetadata,
  type HeldCause,
  type HeldIncident,
  type ListedIncident,
} from '../../notices/held-alert.ts';
import { deliveryFolder, mayShow, type DeliveryRecord } from '../../notices/delivery-record.ts';
import type { Ports } from '../../ports/ports.ts';
import type { GenerationPrecondition, StateFacts } from '../../ports/storage.ts';
import { readDelivery, unsavedAt } from './delivery-records.ts';
import { inParallel } from './parallel.ts';
import { readState, valueOrNone, type ReadState } from './read-state.ts';

export type HeldPorts = Pick<Ports, 'state' | 'log' | 'now' | 'sleep'>;

/** A value that is undefined where nobody can read what is there. */
export type Kept<T> = Pick<StateFacts, 'generation' | 'readAt' | 'writtenAt'> & { readonly value: T | undefined };

function keptOf<T>(found: ReadState<T> | undefined): Kept<T> | undefined {
  if (found === undefined) return undefined;
  const { generation, readAt, writtenAt } = found;
  return { generation, readAt, writtenAt, value: valueOrNone(found) };
}

export async function readHeldIncident(
  { sink, incident }: { sink: string; incident: string },
  ports: Pick<HeldPorts, 'state' | 'log'>,
): Promise<Kept<HeldIncident> | undefined> {
  return keptOf(await readState({ path: heldIncidentPath(sink, incident), decode: decodeHeldIncident }, ports));
}

export async function readHeldCause(
  { sink, cause }: { sink: string; cause: string },
  ports: Pick<HeldPorts, 'state' | 'log'>,
): Promise<Kept<HeldCause> | undefined> {
  return keptOf(await readState({ path: heldCausePath(sink, cause), decode: decodeHeldCause }, ports));
}

export async function writeHeldIncident(
  {
    sink,
    incident,
    value,
    before,
  }: { sink: string; incident: string; value: HeldIncident; before: Kept<unknown> | undefined },
  { state }: HeldPorts,
): Promise<{ generation: string } | 'conflict'> {
  const path = heldIncidentPath(sink, incident);
  return state.write({ path, value, ifGeneration: preconditionOf(before), metadata: incidentMetadata(value) });
}

export async function writeHeldCause(
  {
    sink,
    cause,
    value,
    before,
  }: { sink: string; cause: string; value: HeldCause; before: Pick<StateFacts, 'generation'> | undefined },
  { state }: HeldPorts,
): Promise<{ generation: string } | 'conflict'> {
  const path = heldCausePath(sink, cause);
  return state.write({ path, value, ifGeneration: preconditionOf(before), metadata: causeMetadata(value) });
}

function preconditionOf(before: Pick<StateFacts, 'generation'> | undefined): GenerationPrecondition {
  return before === undefined ? 'absent' : { generation: before.generation };
}

/** The time, by Storage's clock where something was read there: that of an instance may be wrong. Milliseconds since 1970. */
export function timeAt(kept: Kept<unknown> | undefined, { now }: Pick<HeldPorts, 'now'>): number {
  return (kept?.readAt ?? now()).getTime();
}

/** All incidents of a cause, in one list of the sink's. */
export async function listIncidents(
  { sink, cause }: { sink: string; cause: string },
  { state }: HeldPorts,
): Promise<readonly ListedIncident[]> {
  const listed = await state.list(heldIncidents(sink));
  return causesOf(sink, listed).find(({ key }) => key === cause)?.incidents ?? [];
}

/** Forgets a cause that is over. What has joined it meanwhile stays, and begins another. */
export async function forgetCause(
  {
    sink,
    cause,
    head,
    incidents,
  }: {
    sink: string;
    cause: string;
    head: Pick<StateFacts, 'generation'> | undefined;
    incidents: readonly ListedIncident[];
  },
  { state }: HeldPorts,
): Promise<void> {
  await inParallel(incidents, async ({ path, generation }) => state.delete({ path, generation }));
  if (head !== undefined) await state.delete({ path: heldCausePath(sink, cause), generation: head.generation });
}

/** So many records are looked for by themselves; of more, a list says which are there. */
const mostLooked = 8;

/**
 * What a sink shows of a cause whose object was lost, or nobody can read: of all that came of it one incident alone has a
 * record that says so. Undefined where it shows nothing. Where nobody can read a record, it may be that one: then the
 * cause is taken to be shown by the incident that began first, and told under it, marked, whatever it says.
 */
export async function findShown(
  { sink, incidents }: { sink: string; incidents: readonly ListedIncident[] },
  ports: HeldPorts,
): Promise<HeldCause | undefined> {
  // One that is open and has no company is told by its own record.
  if (incidents.length === 1 && incidents[0]?.state === 'open') return undefined;
  const places = incidents.map((incident) => ({ incident, path: `${deliveryFolder(sink)}${incident.key}.json` }));
  const listed = places.length > mostLooked ? await ports.state.list(deliveryFolder(sink)) : undefined;
  const there = listed === undefined ? undefined : new Set(listed.map(({ path }) => path));
  const looked = places.filter(({ path }) => there === undefined || there.has(path) || unsavedAt(path, ports));
  const known = await inParallel(looked, async ({ incident, path }) => ({
    incident,
    ...(await readDelivery(path, ports)),
  }));
  const shown = known.find(({ record }) => record !== undefined && mayShow(record));
  if (shown?.record !== undefined) return shownAs(shown.incident, shown.record);
  const [first] = known
    .filter(
      ({ incident, isLost, ended }) => isLost && !(incident.state === 'closed' && ended?.newest.id === incident.id),
    )
    .map(({ incident }) => incident)
    .sort((a, b) => (`${a.since ?? ''} ${a.key}` < `${b.since ?? ''} ${b.key}` ? -1 : 1));
  return first === undefined ? undefined : perhapsShownAs(first);
}

function shownAs({ key, severity }: ListedIncident, { newest, delivered }: DeliveryRecord): HeldCause {
  const { occurrence } = newest;
  const at = Date.parse(delivered?.at ?? '');
  return {
    ...{ version: 1, first: { key, occurrence, since: delivered?.since ?? newest.since }, severity },
    // Of how many, nobody knows any more: the sink is told once of how many there are.
    shown: { newest: delivered?.id ?? newest.id, at: Number.isNaN(at) ? 0 : at, open: 1, ended: 0 },
    ...{ repeats: 0, claim: null },
  };
}

function perhapsShownAs({ key, since, severity }: ListedIncident): HeldCause {
  const shown = { newest: '', at: 0, open: 1, ended: 0 };
  return { version: 1, first: { key, occurrence: 1, since }, severity, shown, repeats: 0, claim: null };
}

export interface Lead {
  readonly key: string;
  readonly value: HeldIncident;
}

/** So many are read where what is held of one cannot be. */
const mostRead = 5;

/** The incident whose alert stands for all: the first, where it is open as they are. */
export async function leadOf(
  { sink, incidents, head }: { sink: string; incidents: readonly ListedIncident[]; head: HeldCause | undefined },
  ports: Pick<HeldPorts, 'state' | 'log'>,
): Promise<Lead | undefined> {
  const open = incidents.filter(({ state }) => state === 'open');
  const among = open.length === 0 ? incidents : open;
  const first = among.filter(({ key }) => key === head?.first.key);
  for (const { key } of [...first, ...among].slice(0, mostRead)) {
    const value = (await readHeldIncident({ sink, incident: key }, ports))?.value;
    if (value !== undefined) return { key, value };
  }
  return undefined;
}
