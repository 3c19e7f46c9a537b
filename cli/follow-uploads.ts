import { artifactUri, type ArtifactId } from '../shared/source/artifact.ts';
import { awaitCommit, awaitConvergence, type Outcome } from './await-upload.ts';
import type { CommandResult, Line } from './command-result.ts';
import type { Context } from './context.ts';

export interface FollowOptions {
  readonly wait?: boolean;
  /** Milliseconds, for the commit and, with `wait`, for the convergence after it. */
  readonly timeout: number;
}

/**
 * What became of uploads: their commits and, with `wait`, the environments that these affect. Exit code 0 where all of
 * it converged. Throws `CommandError` with exit code 1 where one was refused, or not committed in time.
 */
export async function followUploads(
  context: Context,
  {
    repositoryClass,
    artifacts,
    options,
  }: { repositoryClass: string; artifacts: readonly ArtifactId[]; options: FollowOptions },
): Promise<CommandResult> {
  const deadline = context.ports.now().getTime() + options.timeout;
  const commits = new Set<string>();
  for (const artifact of artifacts) commits.add(await awaitCommit(context, { repositoryClass, artifact, deadline }));
  const outcome = options.wait
    ? await awaitConvergence(context, { repositoryClass, commits: [...commits], deadline })
    : undefined;
  return {
    exit: outcome === undefined || outcome.failed.length + outcome.late.length === 0 ? 0 : 1,
    json: {
      repository: repositoryClass,
      artifacts,
      commits: [...commits],
      environments: outcome?.environments ?? null,
    },
    lines: linesOf({ repositoryClass, artifacts, commits: [...commits], outcome }),
  };
}

function linesOf({
  repositoryClass,
  artifacts,
  commits,
  outcome,
}: {
  repositoryClass: string;
  artifacts: readonly ArtifactId[];
  commits: readonly string[];
  outcome: Outcome | undefined;
}): Line[] {
  return [
    ...artifacts.map((artifact) => ({ text: `uploaded  ${artifactUri(artifact)}`, tone: 'plain' as const })),
    ...commits.map((commit) => ({ text: `committed ${commit} (${repositoryClass})`, tone: 'plain' as const })),
    ...(outcome?.lines ?? []),
  ];
}
