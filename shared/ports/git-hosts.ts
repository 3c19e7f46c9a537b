import type { RepositoryConfig } from '../config/config.ts';
import type { GitHostConfig } from '../config/git-hosts.ts';
import type { CommitReport } from '../notices/commit-report.ts';

export interface GitHosts {
  /**
   * A pull request of one branch into another: the open one that is there, as somebody may have worded it anew, else a new
   * one. Throws as `report`.
   */
  propose(asked: {
    readonly host: GitHostConfig;
    readonly connection: Pick<RepositoryConfig, 'tls' | 'proxy' | 'proxySecretFile'>;
    /** `family/develop` */
    readonly project: string;
    readonly from: string;
    readonly into: string;
    readonly title: string;
    /** Markdown. */
    readonly body: string;
  }): Promise<{ readonly url: string }>;
  /**
   * Shows on a Git host what became of a commit: by statuses, deployments, and a comment on the pull request that was
   * merged by it. What the host has is read first, and only what differs is written: it may be asked any number of times.
   *
   * Throws `SinkUnavailable` (retry), `SinkRefused` (refuse) with what the token lacks, `SecretUnavailable` (retry).
   */
  report(asked: {
    readonly host: GitHostConfig;
    /** How the repository of the class is reached, and so its host. */
    readonly connection: Pick<RepositoryConfig, 'tls' | 'proxy' | 'proxySecretFile'>;
    /** `family/develop` */
    readonly project: string;
    readonly branch: string;
    readonly report: CommitReport;
  }): Promise<{
    /** The commits by which pull requests were merged into the branch that brought this one, where that is another. */
    readonly mergedBy: readonly string[];
  }>;
}
