import type { RepositoryConfig } from '../config/config.ts';
import type { GitHostConfig } from '../config/git-hosts.ts';
import type { CommitReport } from '../notices/commit-report.ts';
import type { PlanReport } from '../notices/plan-report.ts';

/** A repository on a Git host, and how both are reached. */
export interface HostedProject {
  readonly host: GitHostConfig;
  /** How the repository of the class is reached, and so its host. */
  readonly connection: Pick<RepositoryConfig, 'tls' | 'proxy' | 'proxySecretFile'>;
  /** `family/develop` */
  readonly project: string;
}

/** A pull request as its host has it now. */
export interface PullRequest {
  readonly isOpen: boolean;
  /** The branch that it is to be merged into. */
  readonly base: string;
  readonly head: string;
  /** Whether its head is of another repository, or of one that nobody knows any more. */
  readonly isFork: boolean;
  /** Those that are on it; of a fork, those that count for its head, as far as the host tells that. */
  readonly labels: readonly string[];
  /**
   * Of a host without labels, what lets a fork's head be planned: `given`: somebody who may push approved that head;
   * `impossible`: nobody can, as its repository has no such commit. Absent: a label does.
   */
  readonly approval?: 'given' | 'awaited' | 'impossible';
  /** Whether the host has yet to try its merge onto the branch, which it keeps as a commit. */
  readonly isMerging?: boolean;
  /** The branch that the head is of (`refs/heads/…`), where the host has no ref of the pull request itself. */
  readonly headRef?: string;
}

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
  report(asked: HostedProject & { readonly branch: string; readonly report: CommitReport }): Promise<{
    /** The commits by which pull requests were merged into the branch that brought this one, where that is another. */
    readonly mergedBy: readonly string[];
  }>;
  /** Throws as `report` does. */
  pullRequest(asked: HostedProject & { readonly number: number }): Promise<PullRequest>;
  /**
   * Shows a plan on its pull request, by one comment of our own, and one status of the head. What the host has is read first.
   * Throws as `report` does.
   */
  showPlan(asked: HostedProject & { readonly report: PlanReport }): Promise<void>;
}
