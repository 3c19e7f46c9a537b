import type { CommitProvenance } from '../shared/pipeline/common/provenance.ts';
import type { Line } from './command-result.ts';

/** Where a commit came from, from its trailers: one line each. */
export function provenanceLines({ subject, artifacts, sourceCommits, builds, uploadedBy }: CommitProvenance): Line[] {
  const said = [
    ['artifact', artifacts],
    ['source commit', sourceCommits],
    ['build', builds],
    ['author', uploadedBy],
  ] as const;
  return [
    { text: `  ${subject}`, tone: 'plain' },
    ...said.flatMap(([name, values]) =>
      values.map((value): Line => ({ text: `  ${name.padEnd(13)} ${value}`, tone: 'detail' })),
    ),
  ];
}
