import { ConvergeError } from '../../../base/errors.ts';
import type { DesiredObject } from '../../../desired/desired.ts';
import { documentLine } from '../../../desired/document-line.ts';
import type { Target } from '../run/target.ts';

/** Of so many objects it is looked up, in files of so many bytes: alerts list fewer. */
const mostObjects = 100;
const largestFile = 1 << 20;

/**
 * At which lines (from 1) of their files objects begin, by their keys: of those that are plain YAML. What a chart or an
 * overlay makes has no line of its own. A file that cannot be read says nothing.
 */
export async function manifestLines(
  { run, commit, environment }: Pick<Target, 'run' | 'commit' | 'environment'>,
  objects: readonly DesiredObject[],
): Promise<ReadonlyMap<string, number>> {
  const folders = environment.sources.flatMap((source) => (source.kind === 'manifests' ? [source.path] : []));
  const isManifest = ({ source }: DesiredObject): boolean =>
    folders.some((folder) => folder === '.' || source === folder || source.startsWith(`${folder}/`));
  const repository = run.ports.repository(run.repository);
  const texts = new Map<string, string>();
  const lines = new Map<string, number>();
  for (const { key, id, source } of objects.filter(isManifest).slice(0, mostObjects)) {
    try {
      const text = texts.get(source) ?? textOf(await repository.readFile({ commit: commit.id, path: source }));
      texts.set(source, text);
      const line = documentLine({ text, id, namespace: environment.namespace });
      if (line !== undefined) lines.set(key, line);
    } catch (error) {
      if (!(error instanceof ConvergeError)) throw error;
    }
  }
  return lines;
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined || bytes.length > largestFile ? '' : Buffer.from(bytes).toString('utf8');
}
