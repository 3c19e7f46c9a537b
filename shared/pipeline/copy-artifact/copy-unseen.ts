import { describeError, type ConvergeError } from '../../base/errors.ts';
import { encodeDeadLetter } from '../../events/dead-letter.ts';
import { artifactUri, isOfTools } from '../../source/artifact.ts';
import type { UploadRefused } from '../../events/upload-alert.ts';
import { emptyLedger, pendingOf, type Ledger } from '../../source/ledger.ts';
import { isAboutContent } from './copy-objects.ts';
import { takeIn } from './intake.ts';
import { isUnreadable, tellUnreadable } from '../common/tell-unreadable.ts';
import { usualTimes } from './intake-times.ts';
import { readLedger, writeLedger, type RecordedLedger } from './ledger.ts';
import { rebuilt } from './rebuild-ledger.ts';
import type { CopyPorts, CopySettings } from './run.ts';
import { tellGone, tellRefused } from './tell-uploads.ts';
import type { StoredObject } from '../../ports/storage.ts';

/** The event of a younger object is likely on its way. */
const eventMilliseconds = 60_000;

/**
 * Copies the objects of buckets whose events never came: one list of each bucket, beside its ledger. Returns the
 * `gs://` names of those that were not in Git. What is refused is told as an alert and on the dead-letter topic, and then in the
 * ledger, so that it is told once: who dies in between tells it again, under the same ids. Never throws: what fails is
 * logged, and looked at again by the next check.
 */
export async function copyUnseen(
  buckets: readonly { bucket: string; settings: CopySettings }[],
  ports: CopyPorts,
): Promise<readonly string[]> {
  const copied = await Promise.all(
    buckets.map(async ({ bucket, settings }) => {
      try {
        return await copyOfBucket({ bucket, settings, ports });
      } catch (error) {
        ports.log('WARNING', 'a bucket could not be looked at', { bucket, error: describeError(error) });
        await tellFirst([error], { ports, settings });
        return [];
      }
    }),
  );
  return copied.flat();
}

/** All met the same, most often. */
async function tellFirst(
  errors: readonly unknown[],
  { ports, settings: { unreadableAfter: after, repositoryClass } }: { ports: CopyPorts; settings: CopySettings },
): Promise<void> {
  const error = errors.find(isUnreadable);
  if (error !== undefined && after !== undefined) await tellUnreadable({ error, after, repositoryClass }, ports);
}

/** What became of one object. */
type Outcome =
  | { readonly outcome: 'copied'; readonly uri: string }
  | { readonly outcome: 'told'; readonly live: StoredObject; readonly alert: UploadRefused }
  | { readonly outcome: 'failed'; readonly error: unknown }
  | { readonly outcome: 'nothing' };

async function copyOfBucket({
  bucket,
  settings,
  ports,
}: {
  bucket: string;
  settings: CopySettings;
  ports: CopyPorts;
}): Promise<readonly string[]> {
  const [objects, recorded] = await Promise.all([ports.buckets.list(bucket), readLedger({ ports, settings })]);
  const { ledger } = recorded;
  if (objects.every(isOfTools)) await beginLedger({ recorded, ports, settings });
  const before = ports.now().getTime() - eventMilliseconds;
  const unseen = pendingOf({ objects, ledger }).filter(({ createdAt }) => createdAt.getTime() < before);
  const outcomes = await Promise.all(unseen.map(async (live) => copyOne({ live, ledger, ports, settings })));
  const told = outcomes.flatMap((one) => (one.outcome === 'told' ? [one] : []));
  const gone = await tellAllGone({ objects, ledger, bucket, ports });
  if (told.length > 0 || gone.size > 0) await rememberTold({ told, gone, bucket, ports, settings });
  const errors = outcomes.flatMap((one) => (one.outcome === 'failed' ? [one.error] : []));
  await tellFirst(errors, { ports, settings });
  return outcomes.flatMap((one) => (one.outcome === 'copied' ? [one.uri] : []));
}

/**
 * Ends the refusals of what is not in the bucket any more, which nothing can mend. Returns their generations by name,
 * of those that could be told.
 */
async function tellAllGone({
  objects,
  ledger: { told = new Map<string, UploadRefused>(), refused },
  bucket,
  ports,
}: {
  objects: readonly StoredObject[];
  ledger: Ledger;
  bucket: string;
  ports: CopyPorts;
}): Promise<ReadonlyMap<string, string>> {
  const listed = new Set(objects.map(({ name }) => name));
  const gone = new Map<string, string>();
  for (const [name, alert] of told) {
    const generation = refused.get(name);
    if (listed.has(name) || generation === undefined) continue;
    // It may have come since the bucket was listed.
    if ((await ports.buckets.find({ bucket, name })) !== undefined) continue;
    try {
      await tellGone(alert, ports);
      gone.set(name, generation);
    } catch (error) {
      const fields = { artifact: alert.artifact, error: describeError(error) };
      ports.log('WARNING', 'the end of a refusal could not be told', fields);
    }
  }
  return gone;
}

/**
 * A bucket that is empty holds nothing that may have been in Git before: who finds the ledger of that has no doubt of
 * the first upload.
 */
async function beginLedger({
  recorded,
  ports,
  settings,
}: {
  recorded: RecordedLedger;
  ports: CopyPorts;
  settings: CopySettings;
}): Promise<void> {
  if (recorded.state === 'kept') return;
  await writeLedger({ recorded, news: emptyLedger, ports, settings });
}

async function copyOne({
  live,
  ledger,
  ports,
  settings,
}: {
  live: StoredObject;
  ledger: Ledger;
  ports: CopyPorts;
  settings: CopySettings;
}): Promise<Outcome> {
  const uri = artifactUri(live);
  try {
    const { outcome } = await takeIn({ live, ledger, refusal: 'of-caller', ports, settings });
    if (outcome !== 'copied' && outcome !== 'unchanged') return { outcome: 'nothing' };
    ports.log('WARNING', 'an object was copied whose event never came', { artifact: uri });
    return { outcome: 'copied', uri };
  } catch (error) {
    ports.log('WARNING', 'an object whose event never came could not be copied', {
      artifact: uri,
      error: describeError(error),
    });
    return isAboutContent(error)
      ? await tellRefusal({ live, error, ledger, ports, settings })
      : { outcome: 'failed', error };
  }
}

async function rememberTold({
  told,
  gone,
  bucket,
  ports,
  settings,
}: {
  told: readonly { readonly live: StoredObject; readonly alert: UploadRefused }[];
  gone: ReadonlyMap<string, string>;
  bucket: string;
  ports: CopyPorts;
  settings: CopySettings;
}): Promise<void> {
  const repository = ports.repository(settings.repositoryClass);
  const recorded = await rebuilt(await readLedger({ ports, settings }), { bucket, repository, ports });
  const { writePause } = { ...usualTimes, ...settings.times };
  if (recorded.age < writePause) await ports.sleep(writePause - recorded.age);
  const news = {
    ...{ copied: new Map(), refused: new Map(told.map(({ live: { name, generation } }) => [name, generation])) },
    ...{ told: new Map(told.map(({ live: { name }, alert }) => [name, alert])), gone },
  };
  await writeLedger({ recorded, news, ports, settings });
}

/** One that cannot be told is told by the next check. */
async function tellRefusal({
  live,
  error,
  ledger,
  ports,
  settings,
}: {
  live: StoredObject;
  error: ConvergeError;
  ledger: Ledger;
  ports: CopyPorts;
  settings: CopySettings;
}): Promise<Outcome> {
  const { bucket, name, generation } = live;
  const letter = {
    stage: 'checkDrift',
    reason: error.code,
    message: error.problem,
    subject: error.subject,
    event: {
      id: artifactUri(live),
      type: 'google.cloud.storage.object.v1.finalized',
      source: `//storage.googleapis.com/projects/_/buckets/${bucket}`,
      subject: `objects/${name}`,
      data: { bucket, name, generation },
    },
  };
  try {
    const alert = await tellRefused({ live, error }, { ledger, ports, settings });
    await ports.topics.publish('dead-letter', encodeDeadLetter(letter, ports.now()));
    return { outcome: 'told', live, alert };
  } catch (failure) {
    const fields = { artifact: artifactUri(live), error: describeError(failure) };
    ports.log('WARNING', 'the refusal of an object could not be told', fields);
    return { outcome: 'nothing' };
  }
}
