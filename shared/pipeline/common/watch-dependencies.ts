import { ConvergeError, type ErrorCode } from '../../base/errors.ts';
import type { Dependency } from '../../events/dependency-alert.ts';
import { decodeUnreachable, unreachablePath, type Unreachable } from '../../memory/unreachable.ts';
import type { Ports } from '../../ports/ports.ts';
import type { Cluster } from '../../ports/kubernetes.ts';
import type { Repository } from '../../ports/git.ts';
import type { Buckets } from '../../ports/storage.ts';
import { readState, type ReadState } from './read-state.ts';
import {
  tellReachable,
  tellUnreachable,
  type DependencySettings,
  type Place,
  type TellUnreachablePorts,
} from './tell-unreachable.ts';

/**
 * Ports that take down who answers, for as long as an instance lives: others know a repository by the object that it is,
 * so that each is wrapped once.
 */
export interface DependencyWatch {
  repository(of: Ports['repository']): Ports['repository'];
  cluster(of: Ports['cluster']): Ports['cluster'];
  buckets(of: Ports['buckets']): Ports['buckets'];
  begin(): WatchedSpan;
}

export interface WatchedSpan {
  /**
   * Once the work is over, however it ended: notes who gave no answer to any request since it began, its own or of other
   * work of this instance, and ends what is noted of who gave one. Never fails.
   */
  tell(): Promise<void>;
}

/** Something that was asked. */
interface Asked {
  readonly place: Place;
  /** What is noted of it, read while the work goes on that asks first, until somebody has use for it; and when. */
  noted: { readonly read: Promise<Noted>; readonly at: number } | undefined;
  /** The last answer, and the last error, by the order of all. */
  answeredAt: number;
  failed: { readonly error: ConvergeError; readonly begunAt: Date; readonly at: number } | undefined;
}

/** Milliseconds after which it is read anew: nobody may have had use for it. */
const notedFor = 30_000;

type Noted = ReadState<Unreachable> | undefined;

/** The error of one that does not answer, or says that it takes no requests. */
const silences: Readonly<Record<Dependency['kind'], ErrorCode>> = {
  cluster: 'ClusterUnavailable',
  repository: 'GitUnavailable',
  bucket: 'StorageUnavailable',
};

/** What it says itself, too, is an answer. */
const refusals: Readonly<Record<Dependency['kind'], readonly ErrorCode[]>> = {
  cluster: ['ClusterRefused', 'ImpersonationRefused'],
  repository: ['GitRefused', 'BranchMissing', 'UnreadableObject'],
  bucket: ['StorageRefused'],
};

export function watchDependencies(settings: DependencySettings, ports: TellUnreachablePorts): DependencyWatch {
  const all = new Map<string, Asked>();
  const wrapped = new WeakMap<Repository, Repository>();
  let observations = 0;

  // What cannot be read now is read by the next work.
  const readNoted = async (place: Place): Promise<Noted> =>
    readState({ path: unreachablePath(place), decode: decodeUnreachable }, ports).catch(() => undefined);

  function askedOf(place: Place): Asked {
    const path = unreachablePath(place);
    const asked = all.get(path) ?? { place, noted: undefined, answeredAt: 0, failed: undefined };
    all.set(path, asked);
    return asked;
  }

  function readAhead(asked: Asked, at: number): void {
    if (asked.noted !== undefined && at - asked.noted.at <= notedFor) return;
    asked.noted = { read: readNoted(asked.place), at };
  }

  const observe: Observe = async (place, request, { isAnswer }) => {
    const asked = askedOf(place);
    const begunAt = ports.now();
    if (isAnswer) readAhead(asked, begunAt.getTime());
    try {
      const answer = await request();
      if (isAnswer) asked.answeredAt = observations += 1;
      return answer;
    } catch (error) {
      const code = error instanceof ConvergeError ? error.code : undefined;
      if (error instanceof ConvergeError && code === silences[place.kind])
        asked.failed = { error, begunAt, at: (observations += 1) };
      if (isAnswer && code !== undefined && refusals[place.kind].includes(code)) asked.answeredAt = observations += 1;
      throw error;
    }
  };

  async function tellOf(asked: Asked, since: number): Promise<void> {
    const { place, failed, answeredAt } = asked;
    const noted = asked.noted?.read ?? readNoted(place);
    asked.noted = undefined;
    if (answeredAt > since) {
      const found = await noted;
      if (found !== undefined) await tellReachable({ place, found }, ports);
    } else if (failed !== undefined && failed.at > since) await tellUnreachable({ place, ...failed, settings }, ports);
  }

  return {
    repository: (of) => (repositoryClass) => {
      const repository = of(repositoryClass);
      const known = wrapped.get(repository) ?? watchedRepository(repository, observe);
      wrapped.set(repository, known);
      return known;
    },
    cluster: (of) => async (asked) => {
      const place: Place = { kind: 'cluster', name: asked.name, repositoryClass: undefined };
      return watchedCluster(await observe(place, async () => of(asked), { isAnswer: false }), { place, observe });
    },
    buckets: (of) => watchedBuckets(of, { settings, observe }),
    begin() {
      const since = observations;
      return {
        async tell() {
          const asked = [...all.values()].filter((one) => Math.max(one.answeredAt, one.failed?.at ?? 0) > since);
          await Promise.all(asked.map(async (one) => tellOf(one, since)));
        },
      };
    },
  };
}

/** `isAnswer`: whether a result of it shows that somebody has answered. */
type Observe = <T>(place: Place, request: () => Promise<T>, told: { isAnswer: boolean }) => Promise<T>;

const answer = { isAnswer: true };

/** Where the branch is has to be asked of the host; the rest may be here. */
function watchedRepository(of: Repository, observe: Observe): Repository {
  const { repositoryClass } = of;
  const place: Place = { kind: 'repository', name: repositoryClass, repositoryClass };
  return {
    ...of,
    head: async () => observe(place, async () => of.head(), answer),
    fetchHead: async () => observe(place, async () => of.fetchHead(), answer),
  };
}

function watchedCluster(of: Cluster, { place, observe }: { place: Place; observe: Observe }): Cluster {
  return {
    ...of,
    // What is served may be remembered from before.
    api: async (options) => observe(place, async () => of.api(options), { isAnswer: false }),
    get: async (target) => observe(place, async () => of.get(target), answer),
    list: async (query) => observe(place, async () => of.list(query), answer),
    // Whether it answers, they do not tell.
    warnings: async (namespace) => of.warnings(namespace),
    apply: async (target) => observe(place, async () => of.apply(target), answer),
    writeManagedFields: async (target) => observe(place, async () => of.writeManagedFields(target), answer),
    delete: async (target) => observe(place, async () => of.delete(target), answer),
  };
}

function watchedBuckets(
  of: Buckets,
  { settings, observe }: { settings: DependencySettings; observe: Observe },
): Buckets {
  const placeOf = (name: string): Place => ({
    ...{ kind: 'bucket', name },
    repositoryClass: settings.classOfBucket.get(name),
  });
  return {
    ...of,
    find: async (object) => observe(placeOf(object.bucket), async () => of.find(object), answer),
    list: async (bucket) => observe(placeOf(bucket), async () => of.list(bucket), answer),
  };
}
