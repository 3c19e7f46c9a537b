import { describeError, type ConvergeError } from '../../base/errors.ts';
import { encodeDeadLetter } from '../../events/dead-letter.ts';
import { artifactUri } from '../../source/artifact.ts';
import { pendingOf, type Ledger } from '../../source/ledger.ts';
import { isAboutContent } from './copy-objects.ts';
import { takeIn } from './intake.ts';
import { readLedger } from './ledger.ts';
import type { CopyPorts, CopySettings } from './run.ts';
import type { StoredObject } from '../../ports/storage.ts';

/** The event of a younger object is likely on its way. */
const eventMilliseconds = 60_000;

/**
 * Copies the objects of buckets whose events never came: one list of each bucket, beside its ledger. Returns the
 * `gs://` names of those that were not in Git. What is refused goes to the dead-letter topic, once. Never throws: what fails is logged, and looked at
 * again by the next check.
 */
export async function copyUnseen(
  buckets: readonly { bucket: string; settings: CopySettings }[],
  ports: CopyPorts,
): Promise<readonly string[]> {
  const copied = await Promise.all(
    buckets.map(async ({ bucket, settings }) => {
      try {
        const [objects, { ledger }] = await Promise.all([ports.buckets.list(bucket), readLedger({ ports, settings })]);
        const before = ports.now().getTime() - eventMilliseconds;
        const unseen = pendingOf({ objects, ledger }).filter(({ createdAt }) => createdAt.getTime() < before);
        const outcomes = await Promise.all(unseen.map(async (live) => copyOne({ live, ledger, ports, settings })));
        return outcomes.flatMap((uri) => uri ?? []);
      } catch (error) {
        ports.log('WARNING', 'a bucket could not be looked at', { bucket, error: describeError(error) });
        return [];
      }
    }),
  );
  return copied.flat();
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
}): Promise<string | undefined> {
  const uri = artifactUri(live);
  try {
    const { outcome } = await takeIn({ live, ledger, ports, settings });
    if (outcome !== 'copied' && outcome !== 'unchanged') return undefined;
    ports.log('WARNING', 'an object was copied whose event never came', { artifact: uri });
    return uri;
  } catch (error) {
    ports.log('WARNING', 'an object whose event never came could not be copied', {
      artifact: uri,
      error: describeError(error),
    });
    if (isAboutContent(error)) await tellRefusal({ live, error, ports });
    return undefined;
  }
}

async function tellRefusal({
  live,
  error,
  ports,
}: {
  live: StoredObject;
  error: ConvergeError;
  ports: CopyPorts;
}): Promise<void> {
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
  await ports.topics.publish('dead-letter', encodeDeadLetter(letter, ports.now()));
}
