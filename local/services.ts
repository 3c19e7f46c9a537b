import { join } from 'node:path';
import { startGkeFront, type GkeFront } from './parts/gke-front.ts';
import { reconcileAccount, startGoogleApis, type GoogleApis } from './parts/google-apis.ts';
import { startGit, type GitHost, type Push } from './parts/git.ts';
import { startIssuer, type Issuer } from './parts/issuer.ts';
import { startKubernetes, type Kubernetes } from './parts/kubernetes.ts';
import { startPubSub, type PubSubService } from './parts/pubsub.ts';
import { startStorage, type StorageService } from './parts/storage.ts';
import { orAborted } from './or-aborted.ts';
import type { PipelineLog } from './pipeline-log.ts';
import type { ComingPrograms } from './programs.ts';
import type { Stops } from './stops.ts';

/** What Converge itself only talks to, but for the cluster. */
export interface Services {
  readonly pubsub: PubSubService;
  readonly storage: StorageService;
  readonly git: GitHost;
  readonly issuer: Issuer;
  /** Has the cluster as `gkeCluster`. */
  readonly google: GoogleApis;
  /** Comes later: its programs take longest to build. */
  readonly cluster: Promise<Cluster>;
}

export interface Cluster {
  readonly kubernetes: Kubernetes;
  /** What GKE puts before it. */
  readonly gke: GkeFront;
}

/** The name of the sandbox as a cluster of Google's. */
export const gkeCluster = 'projects/local/locations/local/clusters/sandbox';

/**
 * Starts them beside each other, and each once its program is there. Resolves when all but the cluster are up.
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
  programs: ComingPrograms;
  /** Names of those that the Git host has. */
  repositories: readonly string[];
  stops: Stops;
  log: PipelineLog;
  onPush: (push: Push) => Promise<void>;
}): Promise<Services> {
  const startingPubSub = programs.pubsub.then((program) =>
    stops.withStop(startPubSub({ program, folder: home, onUnexpectedEnd: log.endOf('pubsub') })),
  );
  const startingStorage = Promise.all([programs.storage, startingPubSub]).then(([program, { host }]) =>
    stops.withStop(startStorage({ program, folder: home, pubsubHost: host, onUnexpectedEnd: log.endOf('storage') })),
  );
  const startingGoogle = stops.withStop(startGoogleApis());
  const cluster = startCluster({ folder, programs, google: startingGoogle, stops, log });
  // Who asks for it is told.
  cluster.catch(() => {});
  const starting = [
    startingPubSub,
    startingStorage,
    stops.withStop(startGit({ folder: join(folder, 'git'), repositories, log: log.noteOf('git'), onPush })),
    stops.withStop(startIssuer()),
    startingGoogle,
  ] as const;
  // Also after one has failed: what came up later would otherwise be missed by the stop.
  await Promise.allSettled(starting);
  const [pubsub, storage, git, issuer, google] = await Promise.all(starting);
  return { pubsub, storage, git, issuer, google, cluster };
}

/** Where the control plane of a pipeline in that folder is. */
export const clusterFolder = (folder: string): string => join(folder, 'kubernetes');

async function startCluster({
  folder,
  programs,
  google,
  stops,
  log,
}: {
  folder: string;
  programs: ComingPrograms;
  google: Promise<GoogleApis>;
  stops: Stops;
  log: PipelineLog;
}): Promise<Cluster> {
  const givenUp = new AbortController();
  const { signal } = givenUp;
  const built = orAborted(Promise.all([programs.cluster, programs.kwok]), signal);
  const starting = built.then(([cluster, kwok]) =>
    startKubernetes({
      folder: clusterFolder(folder),
      programs: { cluster, kwok },
      users: Object.values(reconcileAccount),
      onUnexpectedEnd: (part, how) => log.endOf(part)(how),
      signal,
    }),
  );
  const fronting = Promise.all([starting, google]).then(([kubernetes, apis]) => serveAsGke(kubernetes, apis));
  // From the first, so that it is stopped last, and also where it is not up yet.
  stops.add(async () => {
    givenUp.abort();
    const [front, kubernetes] = await Promise.allSettled([fronting, starting]);
    if (front.status === 'fulfilled') await front.value.stop();
    if (kubernetes.status === 'fulfilled') await kubernetes.value.stop();
  });
  const [kubernetes, gke] = await Promise.all([starting, fronting]);
  return { kubernetes, gke };
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
