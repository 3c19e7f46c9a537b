import { PubSub } from '@google-cloud/pubsub';
import { z } from 'zod';
import { ConvergeError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import { withoutCredentials } from '../config/repository-address.ts';
import type { Permissions } from '../ports/permissions.ts';
import { createGitHttp } from './git/http.ts';
import { endMetadataRequests } from './google/metadata-server.ts';
import { createTokens } from './google/tokens.ts';
import { createClusters, createReviews } from './kubernetes.ts';
import { inSeconds, patience, within } from './patience.ts';
import { connectStorage, statusOf, translate } from './storage.ts';

/** Asks the systems of the configuration what whoever asks may do there. */
export function createPermissions(config: Config, { now }: { now: () => Date }): Permissions {
  const storage = connectStorage(config);
  endMetadataRequests();
  const tokens = createTokens();
  // An emulator asks for none. Without any, the library of Pub/Sub ends the process.
  const assertSignedIn = async (): Promise<void> => {
    if ((process.env['PUBSUB_EMULATOR_HOST'] ?? '') === '') await tokens.current();
  };
  let connected: PubSub | undefined;
  const pubsub = async (): Promise<PubSub> => {
    await assertSignedIn();
    return (connected ??= new PubSub({ projectId: config.project }));
  };
  const clusters = createClusters(config);
  const review = createReviews(config);
  return {
    assertSignedIn,
    async ofBucket({ bucket: name, rights }) {
      if (config.storage === undefined) await tokens.current();
      const bucket = storage.bucket(name);
      try {
        // Who may not read what a bucket is may write to it all the same.
        await bucket.getMetadata();
      } catch (error) {
        if (statusOf(error) === 404) return 'absent';
        if (statusOf(error) !== 403) throw translate({ error, subject: `gs://${name}` });
      }
      try {
        const [told] = await bucket.iam.testPermissions([...rights]);
        return rights.filter((right) => told[right] === true);
      } catch (error) {
        // A server that knows nothing of IAM.
        if ([400, 404, 405, 501].includes(statusOf(error) ?? 0)) return 'untold';
        throw translate({ error, subject: `gs://${name}` });
      }
    },
    ofTopic: async ({ topic, rights }) =>
      ofPubSub((await pubsub()).topic(topic), { subject: `topic ${topic}`, rights }),
    ofSubscription: async ({ subscription, rights }) =>
      ofPubSub((await pubsub()).subscription(subscription), { subject: `subscription ${subscription}`, rights }),
    async mayPush(repositoryClass) {
      const settings = config.repositories[repositoryClass];
      if (settings === undefined) throw new TypeError(`no repository ${repositoryClass}`);
      const http = createGitHttp({ settings, url: withoutCredentials(settings.url), now });
      await http({ method: 'GET', path: '/info/refs?service=git-receive-pack', headers: {} });
    },
    async versionOf({ cluster, ...of }) {
      return (await (await clusters({ name: cluster, ...of })).api({ refresh: true })).version;
    },
    inCluster: review,
  };
}

/** Of Google's remote procedure calls. https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const codes = { notFound: 5, permissionDenied: 7, unimplemented: 12 };

interface Named {
  getMetadata(options: { timeout: number }): Promise<unknown>;
  readonly iam: { testPermissions(rights: string[]): Promise<unknown> };
}

const toldSchema = z.tuple([z.record(z.string(), z.boolean())]).rest(z.unknown());

/** One that is not there is told to have no rights, by Pub/Sub: whether it is there is asked first. */
async function ofPubSub(
  named: Named,
  { subject, rights }: { subject: string; rights: readonly string[] },
): Promise<readonly string[] | 'absent' | 'untold'> {
  const { answer: milliseconds } = patience.pubsub;
  const late = () => new Error(`no answer in ${inSeconds(milliseconds)}`);
  try {
    await within({ milliseconds, work: named.getMetadata({ timeout: milliseconds }), late });
  } catch (error) {
    if (codeOf(error) === codes.notFound) return 'absent';
    if (codeOf(error) !== codes.permissionDenied) throw unavailable({ subject, error });
  }
  try {
    const told = await within({ milliseconds, work: named.iam.testPermissions([...rights]), late });
    const [held] = toldSchema.parse(told);
    return rights.filter((right) => held[right] === true);
  } catch (error) {
    if (codeOf(error) === codes.unimplemented) return 'untold';
    throw unavailable({ subject, error });
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function unavailable({ subject, error }: { subject: string; error: unknown }): ConvergeError {
  return new ConvergeError({
    code: 'PubSubUnavailable',
    subject,
    message: error instanceof Error ? error.message : 'does not answer',
    remedy:
      'see whether the network and the credentials lead to Pub/Sub, and whether its API is enabled in the project',
    disposition: 'retry',
    cause: error,
  });
}
