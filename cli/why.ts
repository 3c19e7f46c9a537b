import { whyAnswerSchema, type ExplainedObject, type WhyAnswer } from '../shared/pipeline/inspect/answers.ts';
import { objectTitle } from '../shared/objects/object-id.ts';
import { findEnvironments } from '../shared/pipeline/common/find-environment.ts';
import { isKindNamed } from '../shared/objects/kind-names.ts';
import { idOfKey } from '../shared/objects/object-id.ts';
import { aboutLine, askInspect, unhiddenNotes, unreadLines } from './ask-inspect.ts';
import { shortTime, type CommandResult, type Line } from './command-result.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';
import { eventLines } from './events.ts';
import { healthTones } from './get.ts';

export interface WhyOptions {
  readonly namespace?: string;
  readonly environment?: string;
}

/** `converge why KIND/NAME`: exit code 1 where it is degraded, missing or unknown, or something could not be looked at. */
export async function showWhy(
  context: Context,
  object: string,
  { namespace, environment }: WhyOptions,
): Promise<CommandResult> {
  const [kind = '', name = '', ...rest] = object.split('/');
  if (kind === '' || name === '' || rest.length > 0)
    throw new CommandError({ subject: object, message: 'is no KIND/NAME', remedy: 'write it like deployment/web' });
  const answer = await askInspect(context, {
    environment: environment ?? (await ownerOf(context, { object, kind, name, namespace })),
    what: 'why',
    query: { object, ...(namespace === undefined ? {} : { namespace }) },
    schema: whyAnswerSchema,
  });
  const isUnwell = answer.objects.some(({ health }) => healthTones[health.state] === 'bad');
  return {
    exit: isUnwell || answer.unread.length > 0 ? 1 : 0,
    ...{ json: answer, lines: linesOf(answer), notes: unhiddenNotes(answer) },
  };
}

/** The one environment that is remembered to own such an object. */
async function ownerOf(
  context: Context,
  { object, kind, name, namespace }: { object: string; kind: string; name: string; namespace: string | undefined },
): Promise<string> {
  const ports = { ...context.ports, state: await context.open.state() };
  const repositories = Object.keys(context.config.repositories);
  const known = await findEnvironments({ name: undefined, repositories }, ports);
  const owners = known.filter(({ memory }) =>
    Object.keys(memory.objects).some((key) => {
      const id = idOfKey(key);
      const isThere = namespace === undefined || (id.namespace ?? '') === namespace;
      return isThere && id.name === name && isKindNamed({ written: kind, ...id });
    }),
  );
  const [owner, ...others] = owners;
  if (owner !== undefined && others.length === 0) return `${owner.repository}/${owner.environment}`;
  const names = owners.map(({ repository, environment }) => `${repository}/${environment}`).join(', ');
  throw new CommandError({
    subject: object,
    message: owner === undefined ? 'no environment owns such an object' : `is an object of ${names}`,
    remedy: 'say which environment by --environment: of one that its Pods are in, too',
    exit: owner === undefined ? 1 : 2,
  });
}

function linesOf(answer: WhyAnswer): Line[] {
  const { objects, waitsFor } = answer;
  const waits = waitsFor.length === 0 ? ['nothing'] : waitsFor;
  return [
    aboutLine(answer),
    ...objects.flatMap(objectLines),
    ...waits.map((text): Line => ({ text: `waits for     ${text}`, tone: 'plain' })),
    ...unreadLines(answer),
  ];
}

function objectLines(found: ExplainedObject): Line[] {
  const { health, why, events, inputs, changed, lastAppliedAt } = found;
  const said = (name: string, text: string): Line => ({ text: `${name.padEnd(13)} ${text}`, tone: 'plain' });
  const cause =
    why === null
      ? []
      : [
          said(
            'first cause',
            `${why.reason} of ${why.object}${why.container === undefined ? '' : `, ${why.container}`}`,
          ),
          ...(why.event === undefined
            ? []
            : [said('', `${why.event.reason}: ${why.event.message} (${why.event.count} times)`)]),
        ];
  return [
    { text: objectTitle({ ...found, namespace: found.namespace ?? undefined }), tone: 'heading' },
    { text: `health        ${health.state}: ${health.message}`, tone: healthTones[health.state] },
    ...cause,
    ...(lastAppliedAt === null ? [] : [said('last applied', shortTime(lastAppliedAt))]),
    ...(changed === null ? [] : [said('last change', `${shortTime(changed.at)} by ${changed.by}`)]),
    ...inputs.map(({ path, lastChange }) =>
      said(
        'made of',
        lastChange === null
          ? `${path}, changed last before the last 90 days`
          : `${path}, changed last by ${lastChange.commit.slice(0, 12)} "${lastChange.subject}"${lastChange.author === null ? '' : ` by ${lastChange.author}`}`,
      ),
    ),
    ...(events.length === 0 ? [] : eventLines(events)),
  ];
}
