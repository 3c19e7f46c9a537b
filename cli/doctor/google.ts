import { letterSubscriptions, redriveTopic } from '../../shared/events/found-letter.ts';
import { topics } from '../../shared/events/cloud-event.ts';
import type { Permissions } from '../../shared/ports/permissions.ts';
import type { Context } from '../context.ts';
import { withLetters } from '../../shared/pipeline/common/find-letters.ts';
import { failed, lookInto, notAsked, ok, type Finding } from './finding.ts';

const rightsOf = {
  uploads: ['storage.objects.create', 'storage.objects.get', 'storage.objects.list', 'storage.objects.delete'],
  state: ['storage.objects.get', 'storage.objects.list'],
  topic: ['pubsub.topics.publish'],
  letters: ['pubsub.subscriptions.consume'],
} as const;

/** Buckets, topics and subscriptions: whether they are there, and what whoever asks may do with them. */
export async function lookAtGoogle(context: Context, permissions: Permissions): Promise<readonly Finding[]> {
  const { repositories, state, topicPrefix } = context.config;
  const buckets = [
    ...Object.entries(repositories).map(([name, { bucket }]) => ({ bucket, of: name, rights: rightsOf.uploads })),
    { bucket: state.bucket, of: 'state', rights: rightsOf.state },
  ];
  const asked = [
    ...buckets.map(({ bucket, of, rights }) => ({
      about: { check: 'bucket', subject: `gs://${bucket} (${of})` },
      ask: async () => permissions.ofBucket({ bucket, rights }),
      rights,
    })),
    ...[...topics, redriveTopic].map((name) => ({
      about: { check: 'topic', subject: `${topicPrefix}${name}` },
      ask: async () => permissions.ofTopic({ topic: `${topicPrefix}${name}`, rights: rightsOf.topic }),
      rights: rightsOf.topic,
    })),
    ...letterSubscriptions.map((name) => ({
      about: { check: 'subscription', subject: `${topicPrefix}${name}` },
      ask: async () => permissions.ofSubscription({ subscription: `${topicPrefix}${name}`, rights: rightsOf.letters }),
      rights: rightsOf.letters,
    })),
  ];
  const found = await Promise.all(
    asked.map(async ({ about, ask, rights }) =>
      lookInto(about, async () => rightsIn({ about, held: await ask(), rights })),
    ),
  );
  return found.flat();
}

function rightsIn({
  about,
  held,
  rights,
}: {
  about: Pick<Finding, 'check' | 'subject'>;
  held: readonly string[] | 'absent' | 'untold';
  rights: readonly string[];
}): Finding {
  if (held === 'absent')
    return failed(
      about,
      'is not there',
      'terraform apply makes it; see that project, bucket and topicPrefix of the configuration are those of the deployment',
    );
  if (held === 'untold') return ok(about, 'is there; who may do what is not told here');
  const lacking = rights.filter((right) => !held.includes(right));
  if (lacking.length === 0) return ok(about, `is there; you may ${short(rights)}`);
  if (held.length > 0) return ok(about, `is there; you may ${short(held)}, and may not ${short(lacking)}`);
  return notAsked(
    about,
    `you have none of ${short(lacking)} on it`,
    'docs/permissions.md says who has: the account of a function, CI, or an operator asks for itself',
  );
}

function short(rights: readonly string[]): string {
  return rights.map((right) => right.split('.').slice(1).join('.')).join(', ');
}

const mostLetters = 100;

/** What waits for a person. All is given back. */
export async function lookAtLetters(context: Context, permissions: Permissions): Promise<readonly Finding[]> {
  const about = { check: 'dead letters', subject: `${context.config.topicPrefix}dead-letter, …-given-up` };
  return await lookInto(about, async () => {
    await permissions.assertSignedIn();
    return await withLetters(
      await context.open.deadLetters(),
      { limit: mostLetters },
      async ({ letters, mayBeMore }) => {
        const [oldest] = letters;
        if (oldest === undefined) return ok(about, 'there are none');
        const count = `${letters.length}${mayBeMore ? ' or more' : ''}`;
        return failed(
          about,
          `${count} wait, the oldest since ${oldest.time.toISOString()}: ${oldest.reason} of ${oldest.subject}`,
          'converge dead-letters shows them, converge redrive sends them again once the cause is mended',
        );
      },
    );
  });
}
