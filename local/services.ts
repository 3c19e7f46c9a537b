import { join } from 'node:path';
import { startGkeFront, type GkeFront } from './parts/gke-front.ts';
import { reconcileAccount, startGoogleApis, type GoogleApis } from './parts/google-apis.ts';
import { startGit, type GitHost, type Push } from './parts/git.ts';
import { startIssuer, type Issuer } from './parts/issuer.ts';
import { startKubernetes, type Kubernetes } from './parts/kubernetes.ts';
import { startPubSub, type PubSubService } from './parts/pubsub.ts';
import { startStorage, type StorageService } from './parts/storage.ts';
import type { PipelineLog } from './pipeline-log.ts';
import type { Programs } from './programs.ts';
import type { Stops } from './stops.ts';

/** What Converge itself only talks to. */
export interface Services {
  readonly kubernetes: Kubernetes;
  readonly pubsub: PubSubService;
  readonly storage: StorageService;
  readonly git: GitHost;
  readonly issuer: Issuer;
  /** Has the cluster as `gkeCluster`. */
  readonly google: GoogleApis;
  readonly gke: GkeFront;
}

/** The name of the sandbox as a cluster of Google's. */
export const gkeCluster = 'projects/local/locations/local/clusters/sandbox';

/**
 * Starts them beside each other.
 *
 * Throws what the first that failed threw, once the others are up or have failed, too.
 */
export async function startServices({
  folder,
  home,
  programs,
  repositories,
  stops,
  log,
  onPush,
}: {
  folder: string;
  /** The programs' `HOME`. */
  home: string;
  programs: Programs;
  /** Names of those that the Git host has. */
  repositories: readonly string[];
  stops: Stops;
  log: PipelineLog;
  onPush: (push: Push) => Promise<void>;
}): Promise<Services> {
  const startingPubSub = stops.withStop(
    startPubSub({ program: programs.pubsub, folder: home, onUnexpectedEnd: log.endOf('pubsub') }),
  );
  const startingStorage = startingPubSub.then(({ host }) =>
    stops.withStop(
      startStorage({
        program: programs.storage,
        folder: home,
        pubsubHost: host,
        onUnexpectedEnd: log.endOf('storage'),
      }),
    ),
  );
  const startingKubernetes = stops.withStop(
    startKubernetes({
      folder: join(folder, 'kubernetes'),
      programs,
      users: Object.values(reconcileAccount),
      onUnexpectedEnd: (part, how) => log.endOf(part)(how),
    }),
  );
  const startingGoogle = stops.withStop(startGoogleApis());
  const startingGke = Promise.all([startingKubernetes, startingGoogle]).then(([kubernetes, google]) =>
    stops.withStop(serveAsGke(kubernetes, google)),
  );
  const starting = [
    startingKubernetes,
    startingPubSub,
    startingStorage,
    stops.withStop(startGit({ folder: join(folder, 'git'), repositories, log: log.noteOf('git'), onPush })),
    stops.withStop(startIssuer()),
    startingGoogle,
    startingGke,
  ] as const;
  // Also after one has failed: what came up later would otherwise be missed by the stop.
  await Promise.allSettled(starting);
  const [kubernetes, pubsub, storage, git, issuer, google, gke] = await Promise.all(starting);
  return { kubernetes, pubsub, storage, git, issuer, google, gke };
}

/** Converge's account has all rights in the cluster, as the e-mail address that RBAC names. */
async function serveAsGke(kubernetes: Kubernetes, google: GoogleApis): Promise<GkeFront> {
  const { email } = google.account;
  await kubernetes.kubectl([
    'create',
    'clusterrolebinding',
    'converge-account',
    '--clusterrole=cluster-admin',
    `--user=${email}`,
  ]);
  const front = await startGkeFront({ ...kubernetes, google });
  const clusterCaCertificate = Buffer.from(front.ca).toString('base64');
  google.clusters.set(gkeCluster, { status: 'RUNNING', endpoint: front.address, masterAuth: { clusterCaCertificate } });
  return front;
}
