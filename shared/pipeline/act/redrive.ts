import { z } from 'zod';
import { ConvergeError, describeError } from '../../base/errors.ts';
import type { FoundLetter } from '../../events/found-letter.ts';
import type { ObjectFinalized } from '../../events/object-finalized.ts';
import type { Ports } from '../../ports/ports.ts';
import { artifactUri } from '../../source/artifact.ts';
import { withLetters, type Held, type HeldLetter } from '../common/find-letters.ts';
import { findUpload } from '../common/find-upload.ts';
import type { ActionOf } from './action.ts';
import { actionRefused } from './refusals.ts';
import { classOfBucket, type RetryUploadPorts, type UploadSettings } from './retry-upload.ts';
import { writeAgain } from './write-again.ts';

export interface RedrivePorts extends Pick<Ports, 'deadLetters'> {
  /** Asked for where an upload is among the letters. */
  readonly openUploads: () => Promise<RetryUploadPorts>;
  /** Told of each letter before it is sent. */
  readonly progress?: (line: string) => void;
}

export const letterSchema = z.object({
  id: z.string().describe('Of the message'),
  subscription: z.string(),
  time: z.string().describe('ISO 8601'),
  stage: z.string().describe('Whom it was for; `?` where it is none of ours'),
  reason: z.string().describe('A code of an error, or `GivenUp`'),
  subject: z.string(),
  message: z.string(),
  redrivable: z.boolean().describe('Whether `converge redrive` can send it'),
});

export const redrivenSchema = z.object({
  letters: z
    .array(
      letterSchema.extend({
        outcome: z.enum(['sent', 'written', 'committed', 'replaced', 'gone', 'failed', 'planned']),
        to: z.string().optional(),
        problem: z.string().optional(),
      }),
    )
    .describe('What became of each'),
  mayBeMore: z.boolean().describe('Whether more may lie there than `--limit` says'),
});
export type Redriven = z.infer<typeof redrivenSchema>;

/** What became of one letter; `planned`: what would. */
type Outcome =
  | { readonly outcome: 'sent' | 'written' | 'committed' | 'replaced' | 'planned'; readonly to: string }
  | { readonly outcome: 'gone' }
  | { readonly outcome: 'failed'; readonly problem: string };

/**
 * Sends dead letters again. A letter is removed only once what it was for has the message; one that could not be sent
 * stays where it is, and the others are sent.
 *
 * Throws `ActionRefused` (refuse) for an id that no letter has, before anything is sent, and `PubSubUnavailable` (retry).
 */
export async function redrive(
  { letters: asked, limit, dryRun }: ActionOf<'redrive'>,
  _by: string,
  ports: RedrivePorts,
  settings: UploadSettings,
): Promise<Redriven> {
  const { deadLetters, progress } = ports;
  return await withLetters(deadLetters, { limit }, async (held) => {
    const letters = asked === 'all' ? held.letters : [...new Set(asked)].flatMap((id) => lettersOf(held, id));
    await deadLetters.hold(letters.map(({ taken }) => taken));
    const told: Redriven['letters'] = [];
    for (const letter of letters) {
      if (!dryRun) progress?.(`sends ${letter.id} to ${letter.stage} again`);
      told.push({ ...letterFacts(letter), ...(await redriveOne(held, letter, { dryRun, ports, settings })) });
    }
    return { letters: told, mayBeMore: held.mayBeMore };
  });
}

/** A letter as programs are told of it. */
export function letterFacts({
  id,
  subscription,
  time,
  stage,
  reason,
  subject,
  message,
  redrive: how,
}: FoundLetter): z.infer<typeof letterSchema> {
  const canRedrive = how.kind !== 'none';
  return { id, subscription, time: time.toISOString(), stage, reason, subject, message, redrivable: canRedrive };
}

/** Message ids are one topic's own: two subscriptions might have one each. */
function lettersOf({ letters, mayBeMore }: Held, id: string): readonly HeldLetter[] {
  const found = letters.filter((letter) => letter.id === id);
  if (found.length > 0) return found;
  const more = mayBeMore ? 'more lie there than --limit says' : 'somebody else is shown it at the moment';
  throw actionRefused({
    subject: id,
    message: 'is the id of no dead letter',
    remedy: `converge dead-letters shows what there is; or ${more}`,
  });
}

interface Sending {
  readonly dryRun: boolean;
  readonly ports: RedrivePorts;
  readonly settings: UploadSettings;
}

async function redriveOne(held: Held, letter: HeldLetter, sending: Sending): Promise<Outcome> {
  try {
    const became = await send(letter, sending);
    if (became.outcome !== 'failed' && !sending.dryRun) await held.acknowledge(letter);
    return became;
  } catch (error) {
    if (error instanceof ConvergeError) return failed(describeError(error));
    throw error;
  }
}

async function send({ redrive: how, stage }: HeldLetter, sending: Sending): Promise<Outcome> {
  switch (how.kind) {
    case 'none':
      return failed(`cannot be sent again: ${how.why}`);
    case 'message':
      if (sending.dryRun) return { outcome: 'planned', to: stage };
      await sending.ports.deadLetters.redrive(how.message);
      return { outcome: 'sent', to: stage };
    case 'upload':
      return await takeUpAgain(how.object, sending);
  }
}

/** The topic of uploads is Eventarc's own: the same content gets a new generation, whose event leads to `copyArtifact`. */
async function takeUpAgain(object: ObjectFinalized, { dryRun, ports, settings }: Sending): Promise<Outcome> {
  const repositoryClass = classOfBucket(settings, object.bucket);
  const uploads = await ports.openUploads();
  const landing = await findUpload({ ...object, repositoryClass }, uploads);
  if (landing?.landing === 'committed') return { outcome: 'committed', to: landing.commit };
  const live = await uploads.buckets.find(object);
  if (live === undefined) return { outcome: 'gone' };
  if (live.generation !== object.generation) return { outcome: 'replaced', to: artifactUri(live) };
  if (dryRun) return { outcome: 'planned', to: artifactUri(live) };
  return { outcome: 'written', to: artifactUri(await writeAgain(live, uploads, settings)) };
}

function failed(problem: string): Outcome {
  return { outcome: 'failed', problem };
}
