import { artifactUri, destinationOf, type ArtifactId } from '../../source/artifact.ts';
import { oneLine, parseProvenance } from '../../source/commit-message.ts';
import { subjectOf } from '../../source/revert.ts';
import { ConvergeError } from '../../base/errors.ts';
import type { Commit } from '../../ports/git.ts';

/** Characters of a subject: a message may be one line of megabytes. */
const subjectLength = 500;

/** A commit with what its trailers say of where it came from; all lists are empty for a commit that a person made. */
export interface CommitProvenance {
  readonly commit: string;
  /** The first line of its message. */
  readonly subject: string;
  /** ISO 8601. */
  readonly committedAt: string;
  /** `gs://bucket/name#generation` */
  readonly artifacts: readonly string[];
  readonly sourceCommits: readonly string[];
  readonly builds: readonly string[];
  readonly uploadedBy: readonly string[];
}

/** @param paths only the artifacts that go to one of these paths, above or below it; absent: all */
export function provenanceOf({ commit, paths }: { commit: Commit; paths?: readonly string[] }): CommitProvenance {
  const { artifacts, sourceCommits, builds, uploadedBy } = parseProvenance(commit.message);
  const isTold = artifacts.map((artifact) => paths === undefined || paths.some((path) => touches({ artifact, path })));
  const told = artifacts.filter((_, index) => isTold[index]);
  // Where each artifact said something of its own, what those to other paths said is left out.
  const ofTold = (values: readonly string[]): readonly string[] =>
    values.length === artifacts.length ? values.filter((_, index) => isTold[index]) : values;
  return {
    commit: commit.id,
    subject: oneLine(subjectOf(commit.message), subjectLength),
    committedAt: commit.committedAt.toISOString(),
    artifacts: told.map(artifactUri),
    sourceCommits: ofTold(sourceCommits),
    builds: ofTold(builds),
    uploadedBy: ofTold(uploadedBy),
  };
}

function touches({ artifact, path }: { artifact: ArtifactId; path: string }): boolean {
  try {
    const written = destinationOf(artifact).path;
    return path === '' || written === path || written.startsWith(`${path}/`) || path.startsWith(`${written}/`);
  } catch (error) {
    // A trailer that somebody wrote by hand.
    if (error instanceof ConvergeError) return false;
    throw error;
  }
}
