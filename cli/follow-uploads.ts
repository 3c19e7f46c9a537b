import { artifactUri, type ArtifactId } from '../shared/source/artifact.ts';
import { awaitCommit, awaitConvergence, type Outcome } from './await-upload.ts';
import type { CommandResult, Line } from './command-result.ts';
import type { Context } from './context.ts';

export interface FollowOptions {
  readonly wait?: boolean;
  /** Milliseconds, for the commit and, with `wait`, for the convergence after it. */
  readonly timeout: number;
  /** With `wait`: an upload that affects no environment is as good as any. */
  readonly allowNone?: boolean;
}

/**
 * What became of uploads: their commits and, with `wait`, the environments that these affect. Exit code 0 where all of
 * it converged, and, unless that is allowed, something is affected by what was copied. Throws `CommandError` with exit code 1 where one was refused, or not committed in time.
 */
export async function followUploads(
  context: Context,
  {
    repositoryClass,
    artifacts,
    warnings = [],
    options,
  }: {
    repositoryClass: string;
    artifacts: readonly ArtifactId[];
    /** What is known of the files before. */
    warnings?: readonly string[];
    options: FollowOptions;
  },
): Promise<CommandResult> {
  const deadline = context.ports.now().getTime() + options.timeout;
  const landed = new Map<string, readonly ArtifactId[]>();
  for (const artifact of artifacts) {
    const commit = await awaitCommit(context, { repositoryClass, artifact, deadline });
    landed.set(commit, [...(landed.get(commit) ?? []), artifact]);
  }
  const commits = [...landed.keys()];
  const outcome = options.wait ? await awaitConvergence(context, { repositoryClass, landed, deadline }) : undefined;
  const isForNothing = outcome !== undefined && affectsNone({ outcome, artifacts });
  const all = [
    ...new Set([...warnings, ...(outcome?.ignored ?? [])]),
    ...(isForNothing ? ['no environment is made of what was uploaded'] : []),
  ];
  const isGood =
    outcome === undefined ||
    (outcome.failed.length + outcome.late.length === 0 && (!isForNothing || options.allowNone === true));
  return {
    exit: isGood ? 0 : 1,
    json: {
      repository: repositoryClass,
      artifacts,
      commits,
      environments: outcome?.environments ?? null,
      warnings: all,
    },
    lines: [
      ...linesOf({ repositoryClass, artifacts, commits, outcome }),
      ...all.map((text): Line => ({ text: `warning   ${text}`, tone: isGood ? 'plain' : 'bad' })),
      ...(outcome !== undefined && outcome.failed.length + outcome.late.length > 0 ? [howToTryAgain] : []),
      ...(isForNothing && !isGood ? [{ text: '  --allow-none takes that for good', tone: 'detail' as const }] : []),
    ],
  };
}

const howToTryAgain: Line = {
  text: '  once that is mended, in Git or outside, the same upload with --wait tries it at once',
  tone: 'detail',
};

/** What was in Git already changed nothing, and is not asked what it changed. */
function affectsNone({ outcome, artifacts }: { outcome: Outcome; artifacts: readonly ArtifactId[] }): boolean {
  const copied = new Set(outcome.artifacts);
  return outcome.environments.length === 0 && artifacts.some((artifact) => copied.has(artifactUri(artifact)));
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
