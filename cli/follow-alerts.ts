import { acknowledgedWords } from '../shared/notices/acknowledged-notice.ts';
import { boundedText } from '../shared/notices/bounded-text.ts';
import { unseenLine, type AlertsOptions } from './alerts.ts';
import { shortTime, type Line, type Tone } from './command-result.ts';
import type { Context } from './context.ts';
import type { LiveOutput } from './live-output.ts';
import { lettersName, readAlerts, type OpenAlert, type OpenAlerts } from './open-alerts.ts';
import { looksEach, problemOf } from './watch-status.ts';

/** So many looks, then one that takes dead letters, too: whoever else asks for them meanwhile is not shown them. */
const looksBetweenLetters = 6;

type Change = 'open' | 'begins' | 'changes' | 'ends';
const tones: Readonly<Record<Change, Tone>> = { open: 'bad', begins: 'bad', changes: 'plain', ends: 'good' };

interface Told {
  readonly alert: OpenAlert;
  /** Whether a look has missed it: of a dead letter, that somebody else may hold it. */
  readonly missed: boolean;
}

/** By what each is known. */
type Known = ReadonlyMap<string, Told>;

/**
 * `converge alerts --follow`: what is open, and then each beginning, change and end, until Ctrl-C. What came and went
 * between two looks is not seen. A look that fails is told and tried again, but for the first.
 */
export async function followAlerts(
  context: Context,
  { names, deadLetters }: AlertsOptions & { names: readonly string[] },
  output: LiveOutput,
): Promise<never> {
  let known: Known | undefined;
  let unseen: OpenAlerts['unseen'] = [];
  let lost: string | undefined;
  for (let look = 0; ; look++) {
    const at = context.ports.now().toISOString();
    const letters = deadLetters && look % looksBetweenLetters === 0;
    const tell = (change: Change, alert: OpenAlert): void =>
      output.tell({ json: { at, change, alert }, lines: [lineOf({ at, change, alert })] });
    try {
      const found = await readAlerts(context, { names, letters });
      known = tellChanges({ found, known, letters, tell });
      // A look that leaves the dead letters alone knows no more of them than the one before.
      const now = letters ? found.unseen : [...found.unseen, ...unseen.filter(({ what }) => what === lettersName)];
      if (now.length > 0 && (lost !== undefined || wordsOf(now) !== wordsOf(unseen)))
        output.tell({ json: { at, unseen: now }, lines: now.map((one) => stamped(at, unseenLine(one))) });
      unseen = now;
      lost = undefined;
    } catch (error) {
      const problem = problemOf(error);
      if (problem === undefined || known === undefined) throw error;
      if (problem !== lost) output.tell(lostPart({ at, problem }));
      lost = problem;
    }
    context.progress('following');
    await context.ports.sleep(looksEach);
  }
}

/** Tells what is another way than before, and says what is known now. */
function tellChanges({
  found,
  known,
  letters,
  tell,
}: {
  found: OpenAlerts;
  known: Known | undefined;
  letters: boolean;
  tell: (change: Change, alert: OpenAlert) => void;
}): Known {
  const now = new Map<string, Told>();
  for (const alert of found.alerts) {
    const before = known?.get(keyOf(alert))?.alert;
    if (before === undefined) tell(known === undefined ? 'open' : 'begins', alert);
    else if (markOf(before) !== markOf(alert)) tell('changes', alert);
    now.set(keyOf(alert), { alert, missed: false });
  }
  for (const [key, { alert, missed }] of known ?? []) {
    if (now.has(key)) continue;
    if (isHidden(alert, { found, letters })) now.set(key, { alert, missed });
    else if (alert.kind === 'dead-letter' && !missed) now.set(key, { alert, missed: true });
    else tell('ends', alert);
  }
  return now;
}

const keyOf = ({ kind, about, id }: OpenAlert): string => (kind === 'incident' ? `${about} ${id}` : `${kind} ${id}`);

/** What is told anew where it differs: not how often and when it is tried again. */
function markOf({ about, since, occurrence, reason, message, acknowledged }: OpenAlert): string {
  return JSON.stringify([about, since, occurrence, reason, message, acknowledged]);
}

/** Whether it may be open all the same, though it was not seen. */
function isHidden(
  { kind, repository }: OpenAlert,
  { found, letters }: { found: OpenAlerts; letters: boolean },
): boolean {
  const isUnseen = (what: string): boolean => found.unseen.some((one) => one.what === what);
  if (kind === 'dead-letter') return !letters || isUnseen(lettersName);
  // Of which class a dependency is, its name does not always say.
  return repository === null ? found.unseen.some(({ what }) => what !== lettersName) : isUnseen(repository);
}

function wordsOf(unseen: OpenAlerts['unseen']): string {
  return JSON.stringify(unseen);
}

function lostPart({ at, problem }: { at: string; problem: string }) {
  const error = { code: 'Failed', subject: 'alerts', message: problem, exit: 1 };
  return { json: { error }, lines: [stamped(at, { text: `cannot be asked: ${problem}`, tone: 'bad' })] };
}

function stamped(at: string, { text, tone }: Line): Line {
  return { text: `${shortTime(at)}  ${text}`, tone };
}

function lineOf({ at, change, alert }: { at: string; change: Change; alert: OpenAlert }): Line {
  const { about, reason, since, message, done, acknowledged } = alert;
  const taken = acknowledged === null ? '' : `; ${acknowledgedWords(acknowledged)}`;
  const rest =
    change === 'ends' ? `, open since ${shortTime(since)}` : `: ${boundedText(message, 300)} (${done})${taken}`;
  return stamped(at, { text: `${change.padEnd(7)}  ${about}  ${reason}${rest}`, tone: tones[change] });
}
