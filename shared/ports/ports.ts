import type { UnpackArchive } from '../source/archive.ts';
import type { Repository } from './git.ts';
import type { GitHosts } from './git-hosts.ts';
import type { Cluster } from './kubernetes.ts';
import type { DeadLetters, Sinks, Topics } from './messages.ts';
import type { Renderer } from './renderer.ts';
import type { Signatures } from './signatures.ts';
import type { Buckets, Documents, StateStore, Uploads } from './storage.ts';

/**
 * What the stages need of the outside world, one interface per outside system. A stage takes the ports it uses as
 * one argument; `shared/adapters` implements them. Ports translate and decide nothing: what a failure means for the
 * pipeline is the stage's business.
 */
export interface Ports {
  readonly now: () => Date;
  /** Resolves after that many milliseconds. */
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly log: Log;
  readonly buckets: Buckets;
  readonly uploads: Uploads;
  readonly unpack: UnpackArchive;
  readonly state: StateStore;
  readonly documents: Documents;
  /** The repository of a class. Throws `UnknownRepository` for a class the configuration lacks. */
  readonly repository: (repositoryClass: string) => Repository;
  /**
   * A configured cluster, its connections kept warm, for the work of one environment: where the configuration says so,
   * every request is made as that environment's own user. Throws `UnknownCluster` for a name the configuration lacks.
   */
  readonly cluster: (asked: { name: string; repository: string; environment: string }) => Promise<Cluster>;
  readonly signatures: Signatures;
  readonly renderer: Renderer;
  readonly topics: Topics;
  readonly deadLetters: DeadLetters;
  readonly sinks: Sinks;
  readonly gitHosts: GitHosts;
}

/** One structured line; `fields` land beside the message in the log entry. */
export type Log = (
  severity: 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR',
  message: string,
  fields?: Record<string, unknown>,
) => void;
