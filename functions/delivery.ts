import type { Request, Response } from '@google-cloud/functions-framework';
import type { GuardedFunction } from '../shared/access/access.ts';
import type { Caller } from '../shared/access/people.ts';
import { ConvergeError, describeError } from '../shared/base/errors.ts';
import { problemOf } from '../shared/base/problem.ts';
import { failureLine, type FailureLine } from '../shared/base/failure-line.ts';
import { parseDuration } from '../shared/environment/duration.ts';
import { eventSource, type IncomingEvent } from '../shared/events/cloud-event.ts';
import { deadLetterOf, encodeDeadLetter } from '../shared/events/dead-letter.ts';
import { readEvent } from '../shared/events/read-event.ts';
import { isUnreadable, tellUnreadable } from '../shared/pipeline/common/tell-unreadable.ts';
import type { Route } from './api/route.ts';
import { sendProblem, serve, type AskedFunction } from './api/serve.ts';
import { readBody } from './body.ts';
import { admit } from './door.ts';
import { largestBodies } from './sizes.ts';
import { loadConfig, loadStateWatch, log, wire } from './wiring.ts';

type HttpFunction = (request: Request, response: Response) => Promise<void>;
/** What is called once it is known who calls. */
type LetIn<Who = Caller> = (request: Request, response: Response, caller: Who) => Promise<void>;

/*
 * The one place where it is decided what becomes of a message whose work failed. A later try may mend it: the answer
 * says so, and the platform delivers it again. It is wrong and stays wrong: put it on the dead-letter topic and
 * acknowledge. So is what makes the program fail; any other error that nobody foresaw is retried, until the
 * subscription gives up. A message that is not let in is not ours to acknowledge either: whoever mends the
 * configuration finds it on the subscription's dead-letter topic.
 */
export function acknowledging(
  stage: Exclude<GuardedFunction & keyof typeof largestBodies, AskedFunction>,
  handle: (event: IncomingEvent) => Promise<object>,
  /** The one class that the function works for, where its account writes state of that alone. */
  classOf: (event: IncomingEvent) => string | undefined = () => undefined,
): HttpFunction {
  return behindDoor(stage, async (request, response) => {
    const startedAt = performance.now();
    let event: IncomingEvent = { id: request.get('x-goog-pubsub-message-id') ?? '', type: '', source: '' };
    const fields = () => ({ stage, event: event.id, subject: event.subject, ...sourceOf(event) });
    const failed = (error: unknown): FailureLine => {
      const line = failureLine(error, { stage, subject: event.subject ?? stage });
      log(line.severity, line.message, { ...fields(), ...line.fields });
      return line;
    };
    try {
      event = readEvent({ headers: request.headers, body: await readBody(request, { limit: largestBodies[stage] }) });
      const result = await handle(event);
      log('INFO', `${stage} done`, { ...fields(), milliseconds: Math.round(performance.now() - startedAt), result });
      response.status(204).end();
    } catch (error) {
      const { refused } = failed(error);
      if (refused === undefined) await noteUnreadable(error, () => classOf(event));
      const isSettled = refused !== undefined && (await refuse({ stage, event, refused }, failed));
      response.sendStatus(isSettled ? 204 : 500);
    }
  });
}

/** Of an event of others, whose subject says only half of what it is of: the bucket of an object. */
function sourceOf({ source }: IncomingEvent): { source?: string } {
  return source === '' || source === eventSource ? {} : { source };
}

/** Puts a message on the dead-letter topic; whether it is there. */
async function refuse(
  { stage, event, refused }: { stage: GuardedFunction; event: IncomingEvent; refused: ConvergeError },
  failed: (error: unknown) => void,
): Promise<boolean> {
  try {
    const { topics, now } = await wire('topics');
    await topics.publish('dead-letter', encodeDeadLetter(deadLetterOf({ stage, event, refused }), now()));
    return true;
  } catch (error) {
    failed(error);
    return false;
  }
}

/** Says what failed though the work goes on, and notes it where it cannot be read. Never fails. */
export async function noteFailure(stage: string, error: ConvergeError): Promise<void> {
  const { severity, message, fields } = failureLine(error, { stage, subject: error.subject });
  log(severity, message, { stage, ...fields });
  await noteUnreadable(error);
}

/** Notes what cannot be read, and tells it where it has lasted. Never fails. */
async function noteUnreadable(error: unknown, classOf: () => string | undefined = () => undefined): Promise<void> {
  if (!isUnreadable(error) && !(error instanceof ConvergeError && error.code === 'StorageUnavailable')) return;
  try {
    loadStateWatch().met(error);
    if (!isUnreadable(error)) return;
    const after = parseDuration(loadConfig().alerts.unreadableAfter);
    await tellUnreadable({ error, after, repositoryClass: classOf() }, await wire('state'));
  } catch (failure) {
    // The configuration is such a file, too, and says where the state is.
    log('WARNING', 'what cannot be read could not be noted', { error: describeError(failure) });
  }
}

type Respond<Who = Caller> = (request: Request, caller: Who) => Promise<{ status: number; body: object }>;

/** The same decision for a function that is called over HTTP: the status tells the caller whether to come again. */
export function answering(stage: Exclude<GuardedFunction, AskedFunction>, handle: Respond): HttpFunction {
  return behindDoor(stage, answer({ stage, handle, isStrangers: () => false, note: noteUnreadable }));
}

/** The same for those that people and CI ask, by a table of routes. They may write nothing of the state: others note what they cannot read. */
export function answeringRoutes(stage: AskedFunction, routes: readonly Route[]): HttpFunction {
  const answered = serve({ stage, routes, log, turnedAway: turnedAwayBy(stage) });
  return behindDoor(stage, answered, (response, { status, code, message: detail }) =>
    sendProblem(response, problemOf({ status, code, detail })),
  );
}

const statusOfCode: Partial<Record<ConvergeError['code'], number>> = {
  BadSignature: 401,
  BadRequest: 400,
  UnreadableBody: 400,
  TooLarge: 413,
};

/** What a call fails by before its caller has proved itself: anybody may send it, as often as they like. */
const strangersCodes: ReadonlySet<ConvergeError['code']> = new Set([
  'BadSignature',
  'UnreadableBody',
  'TooLarge',
  'Overloaded',
]);

const isStrangers = (error: unknown): boolean => error instanceof ConvergeError && strangersCodes.has(error.code);
const notTold = 'it cannot be taken now; the log of the function says why';

/** Without a door: for a caller that proves itself to the stage, and is told nothing of ours before. */
export function answeringAnybody(stage: 'receivePush', handle: Respond<undefined>): HttpFunction {
  const answered = answer<undefined>({
    stage,
    handle,
    isStrangers,
    // What else fails is about files and accounts of ours.
    isTold: (error) => isStrangers(error) || (error instanceof ConvergeError && statusOfCode[error.code] !== undefined),
    note: noteUnreadable,
  });
  return async (request, response) => answered(request, response, undefined);
}

/**
 * @param isStrangers whether an error is the fault of somebody whom nobody knows: it is counted, and wakes nobody
 * @param isTold whether its caller is told what the error says; absent: of each
 * @param note told of each error that is nobody's fault, before it is logged: what lasts is an ERROR then
 */
function answer<Who>({
  stage,
  handle,
  isStrangers,
  isTold = () => true,
  note,
}: {
  stage: string;
  handle: Respond<Who>;
  isStrangers: (error: unknown) => boolean;
  isTold?: (error: unknown) => boolean;
  note: (error: unknown) => Promise<void>;
}): LetIn<Who> {
  return async (request, response, caller) => {
    try {
      const { status, body } = await handle(request, caller);
      response.status(status).json(body);
    } catch (error) {
      const known = error instanceof ConvergeError ? error : undefined;
      const facts = { stage, code: known?.code, error: describeError(error) };
      if (isStrangers(error)) log('INFO', turnedAwayBy(stage), facts);
      else {
        await note(error);
        log(known?.disposition === 'retry' ? 'WARNING' : 'ERROR', `${stage} failed`, facts);
      }
      const status = known?.disposition === 'refuse' ? (statusOfCode[known.code] ?? 500) : 503;
      const { code = 'Internal', message = 'an unexpected error; the log says more' } = known ?? {};
      response.status(status).json({ error: { code, message: isTold(error) ? message : notTold } });
    }
  };
}

/** What a caller that is not let in hears: nothing of which check it failed. */
const turnedAway: Partial<Record<ConvergeError['code'], { status: number; message: string }>> = {
  NotAuthenticated: { status: 401, message: 'the call needs an ID token that is valid here' },
  NotAllowed: { status: 403, message: 'the caller may not call this function' },
};
const unavailable = { status: 503, message: 'callers cannot be identified at the moment' };

/** Terraform's metric of calls that were turned away looks for this text. */
function turnedAwayBy(stage: string): string {
  return `${stage} let nobody in`;
}

/**
 * Those that only read may write nothing of the state, and `copyArtifact` only what is of its class, which its message says: the
 * others read the same configuration and keys, and note what they cannot.
 */
function notesAtDoor(stage: GuardedFunction): boolean {
  return stage !== 'status' && stage !== 'inspect' && stage !== 'copyArtifact';
}

/** How whoever is not let in is told. */
type TurnAway = (response: Response, refusal: { status: number; code: string; message: string }) => void;

const turnAway: TurnAway = (response, { status, ...error }) => response.status(status).json({ error });

function behindDoor(stage: GuardedFunction, handle: LetIn, tell: TurnAway = turnAway): HttpFunction {
  return async (request, response) => {
    let caller: Caller;
    try {
      caller = await admit(stage, request);
    } catch (error) {
      const code = error instanceof ConvergeError ? error.code : 'Internal';
      const { status, message } = (error instanceof ConvergeError ? turnedAway[error.code] : undefined) ?? unavailable;
      const isPassing = error instanceof ConvergeError && error.disposition === 'retry';
      if (notesAtDoor(stage)) await noteUnreadable(error);
      const severity = status === 503 && !isPassing ? 'ERROR' : 'WARNING';
      log(severity, turnedAwayBy(stage), { stage, code, error: describeError(error) });
      if (status === 401) response.set('www-authenticate', 'Bearer');
      tell(response, { status, code, message });
      return;
    }
    await handle(request, response, caller);
  };
}
