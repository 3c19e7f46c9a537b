import { describeError, ConvergeError } from '../shared/base/errors.ts';
import type { ObjectFinalized } from '../shared/events/object-finalized.ts';
import { findUpload } from '../shared/pipeline/common/find-upload.ts';
import { artifactUri } from '../shared/source/artifact.ts';
import { shownOf } from './dead-letters.ts';
import { CommandError } from './command-error.ts';
import type { CommandResult, Line } from './command-result.ts';
import type { Context } from './context.ts';
import { withLetters, type Held, type HeldLetter, type LetterOptions } from './find-letters.ts';
import { classOfBucket, writeAgain } from './retry-upload.ts';

export interface RedriveOptions extends LetterOptions {
  readonly all?: boolean;
}

/** What became of one letter. */
type Outcome =
  | { readonly outcome: 'sent' | 'written' | 'committed' | 'replaced'; readonly to: string }
  | { readonly outcome: 'gone' }
  | { readonly outcome: 'failed'; readonly problem: string };

/**
 * `converge redrive ID…`: exit code 1 where one of them could not be sent; it stays where it is. A letter is removed
 * only once what it was for has the message.
 */
export async function redrive(
  context: Context,
  ids: readonly string[],
  options: RedriveOptions,
): Promise<CommandResult> {
  if (ids.length > 0 === (options.all === true))
    throw new CommandError({
      subject: 'redrive',
      message: options.all === true ? 'takes ids or --all, not both' : 'was told of no dead letter',
      remedy: 'give the ids that converge dead-letters shows, or --all',
    });
  const deadLetters = await context.open.deadLetters();
  return await withLetters(deadLetters, options, async (held) => {
    const letters = options.all === true ? held.letters : ids.flatMap((id) => lettersOf(held, id));
    await deadLetters.hold(letters.map(({ taken }) => taken));
    const told: { letter: HeldLetter; became: Outcome }[] = [];
    for (const letter of letters) told.push({ letter, became: await redriveOne(context, held, letter) });
    return {
      exit: told.some(({ became }) => became.outcome === 'failed') ? 1 : 0,
      json: {
        letters: told.map(({ letter, became }) => ({ ...shownOf(letter), ...became })),
        mayBeMore: held.mayBeMore,
      },
      lines: told.length === 0 ? [{ text: 'No dead letters.', tone: 'plain' }] : told.map(lineOf),
    };
  });
}

/** Message ids are one topic's own: two subscriptions might have one each. */
function lettersOf({ letters, mayBeMore }: Held, id: string): readonly HeldLetter[] {
  const found = letters.filter((letter) => letter.id === id);
  if (found.length > 0) return found;
  const more = mayBeMore ? 'more lie there than --limit says' : 'somebody else is shown it at the moment';
  throw new CommandError({
    subject: id,
    message: 'is the id of no dead letter',
    remedy: `converge dead-letters shows what there is; or ${more}`,
  });
}

async function redriveOne(context: Context, held: Held, letter: HeldLetter): Promise<Outcome> {
  context.progress(`sends ${letter.id} to ${letter.stage} again`);
  try {
    const became = await send(context, letter);
    if (became.outcome !== 'failed') await held.acknowledge(letter);
    return became;
  } catch (error) {
    if (error instanceof CommandError) return failed(`${error.problem}; ${error.remedy ?? ''}`);
    if (error instanceof ConvergeError) return failed(describeError(error));
    throw error;
  }
}

async function send(context: Context, { redrive: how, stage }: HeldLetter): Promise<Outcome> {
  switch (how.kind) {
    case 'none':
      return failed(`cannot be sent again: ${how.why}`);
    case 'message':
      await (await context.open.deadLetters()).redrive(how.message);
      return { outcome: 'sent', to: stage };
    case 'upload':
      return await takeUpAgain(context, how.object);
  }
}

/** The topic of uploads is Eventarc's own: the same content gets a new generation, whose event leads to `copyArtifact`. */
async function takeUpAgain(context: Context, object: ObjectFinalized): Promise<Outcome> {
  const repositoryClass = classOfBucket(context, object.bucket);
  const landing = await findUpload({ ...object, repositoryClass }, { state: await context.open.state() });
  if (landing?.landing === 'committed') return { outcome: 'committed', to: landing.commit };
  const live = await (await context.open.buckets()).find(object);
  if (live === undefined) return { outcome: 'gone' };
  if (live.generation !== object.generation) return { outcome: 'replaced', to: artifactUri(live) };
  return { outcome: 'written', to: artifactUri(await writeAgain(context, live)) };
}

function failed(problem: string): Outcome {
  return { outcome: 'failed', problem };
}

function lineOf({ letter: { id, subject }, became }: { letter: HeldLetter; became: Outcome }): Line {
  const what = subject === '' ? id : `${id} (${subject})`;
  switch (became.outcome) {
    case 'sent':
      return { text: `${what} sent to ${became.to}`, tone: 'good' };
    case 'written':
      return { text: `${what} written once more: ${became.to}`, tone: 'good' };
    case 'committed':
      return { text: `${what} is in Git already: ${became.to}`, tone: 'good' };
    case 'replaced':
      return {
        text: `${what} needs nothing: ${became.to} took its place, and is copied by itself or has a dead letter of its own`,
        tone: 'detail',
      };
    case 'gone':
      return { text: `${what} needs nothing: the object is gone from its bucket`, tone: 'detail' };
    case 'failed':
      return { text: `${what} stays: ${became.problem}`, tone: 'bad' };
  }
}
