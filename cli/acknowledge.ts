import { uploadIncident, uploadOf } from '../shared/events/upload-alert.ts';
import { acknowledgedWords } from '../shared/notices/acknowledged-notice.ts';
import { boundedText, largestLine } from '../shared/notices/bounded-text.ts';
import { incidentKey } from '../shared/notices/notice.ts';
import {
  acknowledgementPath,
  writeAcknowledgement,
  type Acknowledgement,
} from '../shared/pipeline/common/acknowledgements.ts';
import type { Status } from '../shared/pipeline/common/environment-status.ts';
import { CommandError } from './command-error.ts';
import type { CommandResult, Line } from './command-result.ts';
import type { Context } from './context.ts';
import { readStatus } from './read-status.ts';
import { whoAsks } from './who-asks.ts';

export interface AcknowledgeOptions {
  /** Milliseconds. */
  readonly for?: number;
  readonly comment?: string;
  readonly undo?: boolean;
}

interface OpenIncident {
  readonly incident: string;
  /** `master/acme-production`, `cluster/production-eu`, or `gs://bucket/name#generation` */
  readonly about: string;
  readonly since: string;
  readonly summary: string;
  readonly isAcknowledged: boolean;
}

/** `converge acknowledge <environment|incident>`: of an environment, all that is open there. */
export async function acknowledge(
  context: Context,
  target: string,
  options: AcknowledgeOptions,
): Promise<CommandResult> {
  if (options.undo === true && (options.for !== undefined || options.comment !== undefined))
    throw new CommandError({
      subject: '--undo',
      message: 'takes back what was said, and --for and --comment say something',
      remedy: 'give one or the other',
    });
  const chosen = chosenOf(await readStatus(context), target);
  return options.undo === true ? takeBack(context, chosen) : write(context, { chosen, options });
}

async function write(
  context: Context,
  { chosen, options }: { chosen: readonly OpenIncident[]; options: AcknowledgeOptions },
): Promise<CommandResult> {
  const [state, by] = await Promise.all([context.open.state(), whoAsks(context.environment)]);
  const now = context.ports.now();
  const said = {
    by: boundedText(by, 200),
    at: now.toISOString(),
    until: options.for === undefined ? null : new Date(now.getTime() + options.for).toISOString(),
    comment: options.comment === undefined ? null : boundedText(options.comment, largestComment),
  };
  for (const { incident, since } of chosen) {
    const record: Acknowledgement = { version: 1, ...said, since };
    await writeAcknowledgement({ incident: incidentKey(incident), said: record }, { state });
  }
  return {
    exit: 0,
    json: { outcome: 'acknowledged', incidents: chosen.map(shownOf), ...said },
    lines: chosen.map((one) => ({ text: `${titleOf(one)} is ${acknowledgedWords(said)}`, tone: 'good' })),
  };
}

/** Metadata of an object of Storage has 8 KiB, and each character may take nine bytes of them. */
const largestComment = Math.min(500, largestLine);

async function takeBack(context: Context, chosen: readonly OpenIncident[]): Promise<CommandResult> {
  const state = await context.open.state();
  const undone: OpenIncident[] = [];
  for (const one of chosen.filter(({ isAcknowledged }) => isAcknowledged)) {
    const path = acknowledgementPath(incidentKey(one.incident));
    const generation = await state.generationOf(path);
    if (generation === undefined) continue;
    if ((await state.delete({ path, generation })) === 'conflict')
      throw new CommandError({
        subject: one.incident,
        message: 'was acknowledged by somebody else at this moment',
        remedy: 'converge status shows by whom; ask once more',
        exit: 1,
      });
    undone.push(one);
  }
  const line = (one: OpenIncident): Line => ({ text: `${titleOf(one)} is acknowledged no more`, tone: 'good' });
  const none: Line = { text: 'Nothing of it is acknowledged.', tone: 'plain' };
  const json = { incidents: undone.map(shownOf), by: null, at: null, until: null, comment: null };
  return {
    exit: 0,
    json: { outcome: undone.length === 0 ? 'nothing' : 'undone', ...json },
    lines: undone.length === 0 ? [none] : undone.map(line),
  };
}

function titleOf({ about, incident, summary }: OpenIncident): string {
  return `${about} ${incident} (${boundedText(summary, 100)})`;
}

function shownOf({ incident, about, since }: OpenIncident) {
  return { incident, about, since };
}

function chosenOf(status: Status, target: string): readonly OpenIncident[] {
  const open = openOf(status);
  const chosen = open.filter(({ incident, names }) => incident === target || names.includes(target));
  if (chosen.length > 0) return chosen;
  const isEnvironment = status.environments.some(
    ({ repository, name }) => name === target || `${repository}/${name}` === target,
  );
  const shown = open.slice(0, mostNamed).map(({ about, incident }) => `${about} ${incident}`);
  const more = open.length > mostNamed ? `, and ${open.length - mostNamed} more` : '';
  throw new CommandError({
    subject: target,
    message: isEnvironment
      ? 'has no open incident: what there was has ended'
      : 'is neither an environment nor an incident that is open: it may have ended',
    remedy: open.length === 0 ? 'nothing is open' : `open are ${shown.join(', ')}${more}`,
  });
}

const mostNamed = 20;

function openOf({
  environments,
  uploads,
  unreachable = [],
}: Status): readonly (OpenIncident & { names: readonly string[] })[] {
  const own = environments.flatMap(({ repository, name, incidents }) =>
    incidents.map(({ id, since, summary, acknowledged }) => ({
      ...{ incident: id, about: `${repository}/${name}`, names: [name, `${repository}/${name}`], since, summary },
      isAcknowledged: acknowledged !== undefined,
    })),
  );
  const dependencies = unreachable.map(({ subject, incident, since, problem, acknowledged }) => ({
    ...{ incident, about: subject, names: [subject], since, summary: problem },
    isAcknowledged: acknowledged !== undefined,
  }));
  const refused = uploads.map(({ artifact, incident, since, reason, message, acknowledged }) => ({
    ...{ incident: incident ?? uploadIncident(uploadOf(artifact)), about: artifact },
    ...{ names: [artifact, uploadOf(artifact)], since, summary: `${reason}: ${message}` },
    isAcknowledged: acknowledged !== undefined,
  }));
  return [...own, ...dependencies, ...refused];
}
