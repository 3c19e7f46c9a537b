import type { Origin } from '../shared/pipeline/common/origin.ts';
import type { Line } from './command-result.ts';

/** Where a commit came from, from its trailers, and what it brought back: one line each. */
export function provenanceLines({
  subject,
  artifacts,
  sourceCommits,
  builds,
  uploadedBy,
  author,
  restores,
  requested,
}: Origin): Line[] {
  const said = [
    ['brings back', restores === null ? [] : [`${restores.commit.slice(0, 12)} ${restores.subject}`]],
    ['asked for', requested === undefined ? [] : [requestedWords(requested)]],
    ['artifact', artifacts],
    ['source commit', sourceCommits],
    ['build', builds],
    ['author', uploadedBy.length > 0 || author === null ? uploadedBy : [author]],
  ] as const;
  return [
    { text: `  ${subject}`, tone: 'plain' },
    ...said.flatMap(([name, values]) =>
      values.map((value): Line => ({ text: `  ${name.padEnd(13)} ${value}`, tone: 'detail' })),
    ),
  ];
}

function requestedWords({ action, by, reason }: NonNullable<Origin['requested']>): string {
  return `${action}, by ${by}${reason === null ? '' : `: ${reason}`}`;
}
