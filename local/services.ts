import { join } from 'node:path';
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
}

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
  const starting = [
    stops.withStop(
      startKubernetes({
        folder: join(folder, 'kubernetes'),
        programs,
        onUnexpectedEnd: (part, how) => log.endOf(part)(how),
      }),
    ),
    startingPubSub,
    startingStorage,
    stops.withStop(startGit({ folder: join(folder, 'git'), repositories, log: log.noteOf('git'), onPush })),
    stops.withStop(startIssuer()),
  ] as const;
  // Also after one has failed: what came up later would otherwise be missed by the stop.
  await Promise.allSettled(starting);
  const [kubernetes, pubsub, storage, git, issuer] = await Promise.all(starting);
  return { kubernetes, pubsub, storage, git, issuer };
}
