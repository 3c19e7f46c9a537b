import { oneLine, trailersOf } from './commit-message.ts';

/** What a commit says that a person asked for by an action. */
export interface ActionFacts {
  /** `suspend`, `resume`, `accept`. */
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
