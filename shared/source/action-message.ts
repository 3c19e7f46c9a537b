import { oneLine, trailersOf } from './commit-message.ts';
import { byItself, parseRevert } from './revert.ts';

/** What a commit says that a person asked for by an action. */
export interface ActionFacts {
  /** `suspend`, `resume`, `accept`, `new-customer`. */
  readonly action: string;
  /** The first line: what it does, in a sentence. */
  readonly subject: string;
  /** The environment's name, without its class. */
  readonly environment: string;
  /** Who asks, as git names them. */
  readonly by: string;
  readonly reason?: string | undefined;
  readonly incident?: string | undefined;
}

const subjectLength = 100;
const valueLength = 500;

/** A subject and trailers (git-interpret-trailers(1)). No value can add a line of its own. */
export function actionMessage({ action, subject, environment, by, reason, incident }: ActionFacts): string {
  const trailers = [
    ['Action', action],
    ['Environment', environment],
    ['Requested-By', by],
    ['Reason', reason],
    ['Incident', incident],
  ].flatMap(([trailer = '', value = '']) => {
    const line = oneLine(value, valueLength);
    return line === '' ? [] : [`${trailer}: ${line}`];
  });
  return `${oneLine(subject, subjectLength)}\n\n${trailers.join('\n')}\n`;
}

/** What the trailers say of an action; undefined for a commit of none. */
export function parseAction(message: string): Omit<ActionFacts, 'subject'> | undefined {
  const valuesOf = trailersOf(message);
  const [action] = valuesOf('Action');
  const [environment] = valuesOf('Environment');
  const [by] = valuesOf('Requested-By');
  if (action === undefined || environment === undefined || by === undefined) return undefined;
  return { action, environment, by, reason: valuesOf('Reason')[0], incident: valuesOf('Incident')[0] };
}

/** That a person asked for a commit: for what, who, as git names them, and why. */
export interface Requested {
  /** `suspend`, `rollback`. */
  readonly action: string;
  readonly by: string;
  readonly reason: string | null;
}

/** Who asked for a commit, also for one that takes others back; undefined where it does not say. */
export function requestedBy(message: string): Requested | undefined {
  const asked = parseAction(message);
  if (asked !== undefined) return requested(asked.action, asked.by, asked.reason);
  const { by, from } = parseRevert(message);
  if (by === undefined || from === undefined || by === byItself) return undefined;
  return requested('rollback', by, trailersOf(message)('Reason')[0]);
}

/** A trailer that somebody wrote by hand may be of any length. */
function requested(action: string, by: string, reason: string | undefined): Requested {
  const short = (text: string): string => oneLine(text, valueLength);
  return { action: short(action), by: short(by), reason: reason === undefined ? null : short(reason) };
}
