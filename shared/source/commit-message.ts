import { artifactUri, parseArtifactUri, type ArtifactId } from './artifact.ts';

/** An artifact with what its uploader said about it. */
export interface Upload extends ArtifactId {
  /** Custom object metadata, as uploaded. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The trailers of a commit that the pipeline made. */
export interface Provenance {
  readonly artifacts: readonly ArtifactId[];
  readonly sourceCommits: readonly string[];
  readonly builds: readonly string[];
  readonly uploadedBy: readonly string[];
  /** Commits of somebody else whose change to a path of the upload it replaced. */
  readonly overwrites: readonly string[];
}

/** The trailer of each metadata key that CI may set. */
const trailerOfMetadata = [
  ['converge-commit', 'Source-Commit'],
  ['converge-build', 'Build'],
  ['converge-author', 'Uploaded-By'],
] as const;

const subjectLength = 72;
const valueLength = 500;

/**
 * The message of the commit that copies those uploads: a subject and trailers (git-interpret-trailers(1)). No line of
 * it can start with `gpgsig`, which would make the commit unverifiable, nor can a value add a line of its own.
 *
 * @param uploads at least one, with names that are safe paths
 * @param overwrites commits of somebody else whose change is replaced
 */
export function copyMessage(uploads: readonly Upload[], overwrites: readonly string[] = []): string {
  const [first, ...others] = uploads;
  const subject = others.length === 0 ? `Copy ${first?.name ?? ''}` : `Copy ${uploads.length} artifacts`;
  const artifacts = uploads.map((upload) => `Artifact: ${artifactUri(upload)}`);
  const said = trailerOfMetadata.flatMap(([key, trailer]) => {
    const values = uploads
      .map(({ metadata }) => oneLine(metadata[key] ?? '', valueLength))
      .filter((value) => value !== '');
    return [...new Set(values)].map((value) => `${trailer}: ${value}`);
  });
  const replaced = [...new Set(overwrites)].map((commit) => `Overwrites: ${commit}`);
  return `${oneLine(subject, subjectLength)}\n\n${[...artifacts, ...said, ...replaced].join('\n')}\n`;
}

/**
 * What the trailers of any commit message say; all empty for a commit of somebody else. Only the last paragraph holds
 * trailers, so that a message that quotes another (`git revert --edit`, say) claims nothing.
 */
export function parseProvenance(message: string): Provenance {
  const valuesOf = trailersOf(message);
  return {
    artifacts: valuesOf('Artifact').flatMap((uri) => parseArtifactUri(uri) ?? []),
    sourceCommits: valuesOf('Source-Commit'),
    builds: valuesOf('Build'),
    uploadedBy: valuesOf('Uploaded-By'),
    overwrites: valuesOf('Overwrites'),
  };
}

/** The values of each trailer of a message, by its name; only the last paragraph holds trailers. */
export function trailersOf(message: string): (trailer: string) => readonly string[] {
  const paragraphs = message
    .replaceAll('\r\n', '\n')
    .trimEnd()
    .split(/\n{2,}/);
  const lines = paragraphs.length < 2 ? [] : (paragraphs.at(-1) ?? '').split('\n');
  return (trailer) =>
    lines.filter((line) => line.startsWith(`${trailer}: `)).map((line) => line.slice(trailer.length + 2).trim());
}

/** White space and control characters become one space each run; what is too long ends in an ellipsis. */
export function oneLine(text: string, length: number): string {
  const line = text
    .toWellFormed()
    .replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
    .trim();
  const characters = [...line];
  return characters.length <= length ? line : `${characters.slice(0, length - 1).join('')}…`;
}
