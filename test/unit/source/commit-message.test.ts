import { describe, expect, it } from 'vitest';
import { copyMessage, parseProvenance } from '../../../shared/source/commit-message.ts';

const generation = '1763683200123456';
const upload = (name: string, metadata: Record<string, string> = {}) => ({
  bucket: 'family-master',
  name,
  generation,
  metadata,
});

describe('the message of a copy', () => {
  it('names the artifact and what CI said about it', () => {
    const metadata = {
      'converge-commit': '9f2c',
      'converge-build': 'https://ci.example.com/7',
      'converge-author': 'Ada <ada@example.com>',
      other: 'x',
    };
    expect(copyMessage([upload('charts/shop.tgz', metadata)])).toBe(
      [
        'Copy charts/shop.tgz',
        '',
        'Artifact: gs://family-master/charts/shop.tgz#1763683200123456',
        'Source-Commit: 9f2c',
        'Build: https://ci.example.com/7',
        'Uploaded-By: Ada <ada@example.com>',
        '',
      ].join('\n'),
    );
  });

  it('has one Artifact trailer each, and says equal things once', () => {
    const message = copyMessage([
      upload('a.yaml', { 'converge-commit': '9f2c' }),
      upload('b.yaml', { 'converge-commit': '9f2c' }),
    ]);
    expect(message.split('\n')[0]).toBe('Copy 2 artifacts');
    expect(message.match(/^Artifact: /gm)).toHaveLength(2);
    expect(message.match(/^Source-Commit: /gm)).toHaveLength(1);
  });

  it('gives no value a line of its own', () => {
    const forged = 'Ada\r\nArtifact: gs://family-master/other#9\n\u2028gpgsig -----BEGIN\x1b[2J';
    const message = copyMessage([upload('gpgsig', { 'converge-author': forged })]);
    expect(parseProvenance(message).artifacts.map(({ name }) => name)).toEqual(['gpgsig']);
    expect(message.split('\n').filter((line) => line.startsWith('gpgsig'))).toEqual([]);
    for (const character of ['\r', '\u2028', '\u001b']) expect(message).not.toContain(character);
  });

  it('cuts a long subject, never the artifact', () => {
    const name = `${'long/'.repeat(40)}values.yaml`;
    const [subject = '', , trailer] = copyMessage([upload(name)]).split('\n');
    expect([...subject]).toHaveLength(72);
    expect(trailer).toBe(`Artifact: gs://family-master/${name}#1763683200123456`);
  });
});

describe('the provenance of a commit', () => {
  it('is what its message was made of', () => {
    const commit = 'c'.repeat(40);
    const uploads = [
      upload('odd#name  twice.yaml', { 'converge-author': 'Ada' }),
      upload('b.yaml', { 'converge-build': '7' }),
    ];
    expect(parseProvenance(copyMessage(uploads, [commit, commit]))).toEqual({
      overwrites: [commit],
      artifacts: uploads.map(({ bucket, name }) => ({ bucket, name, generation })),
      sourceCommits: [],
      builds: ['7'],
      uploadedBy: ['Ada'],
    });
  });

  it.each([
    ['a commit of somebody else', 'Scale the shop\n\nBlack Friday.\n'],
    ['a subject alone', 'Artifact: gs://family-master/a#1'],
    [
      'a quoted trailer that is not in the last paragraph',
      'Revert\n\nArtifact: gs://family-master/a#1\n\nThis reverts commit 9f2c.\n',
    ],
    ['a trailer that names no generation', 'Copy a\n\nArtifact: gs://family-master/a\n'],
  ])('is empty for %s', (_what, message) => {
    expect(parseProvenance(message).artifacts).toEqual([]);
  });
});
