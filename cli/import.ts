import { resolve } from 'node:path';
import type { CommandResult, Line } from './command-result.ts';
import { CommandError } from './command-error.ts';
import { convertArgo } from './import/argocd.ts';
import { readCheckout } from './import/checkout.ts';
import { writeDrafts, type Imported } from './import/draft.ts';
import { createFindings, type Default, type Finding, type Settled } from './import/findings.ts';
import { convertFlux } from './import/flux.ts';
import { tellMarks } from './import/marks.ts';
import { neededPaths, type NeededPath } from './import/needed-paths.ts';
import type { ClusterNames } from './import/places.ts';
import { toolNames, type ImportedTool } from './import/tools.ts';
import { writeOut } from './import/write-out.ts';

export interface ImportOptions {
  readonly tool: ImportedTool;
  readonly folder: string;
  /** Undefined: nothing is written. */
  readonly out: string | undefined;
  readonly clusters: ClusterNames;
  /** What paths are relative to. */
  readonly from: string;
}

/**
 * `converge import flux|argocd FOLDER`: exit code 0 where all of it was carried over, 1 where something has no equal, which
 * is listed; the files are written all the same. Throws `CommandError` (2) where the folder cannot be read, holds nothing
 * of that tool, or a file would be overwritten.
 */
export async function importEnvironments({ tool, folder, out, clusters, from }: ImportOptions): Promise<CommandResult> {
  const checkout = await readCheckout(resolve(from, folder), { called: folder });
  const findings = createFindings();
  const { drafts, aliases } = { flux: convertFlux, argocd: convertArgo }[tool]({ checkout, clusters, findings });
  tellMarks(tool, { checkout, findings });
  for (const { file, isInside } of checkout.links)
    if (isInside)
      findings.noteIn({
        file,
        line: 1,
        message: 'is a link, and was not followed',
        remedy: 'what it leads to was read where it lies',
      });
    else
      findings.missingIn({
        file,
        line: 1,
        message: 'is a link that leads out of the folder, or nowhere: it was not read',
        remedy: 'put the file itself there',
      });
  const { imported, files, sources } = writeDrafts(drafts, { aliases, findings });
  for (const { path, text } of files)
    if (checkout.paths.has(path) && checkout.texts.get(path) !== text)
      findings.missingIn({
        file: path,
        line: 1,
        message: 'is in the checkout already, with other content',
        remedy: 'give one of both another name before the files are brought there',
      });
  const { missing, notes, defaults, settled } = findings.result();
  const needed = neededPaths(sources, { checkout, files });
  if (imported.length === 0 && missing.length === 0 && notes.length === 0)
    throw new CommandError({
      subject: folder,
      message: `holds nothing of ${toolNames[tool]}`,
      remedy: 'name the folder that holds its objects in YAML or JSON, or the other tool',
    });
  if (out !== undefined) await writeOut(resolve(from, out), files, { called: out });
  const said = {
    tool,
    folder,
    out,
    imported,
    files: files.map(({ path }) => path),
    needed,
    missing,
    notes,
    defaults,
    settled,
  };
  return {
    exit: missing.length === 0 ? 0 : 1,
    json: {
      ...{ tool, folder, out: out ?? null, environments: imported, files: [...files], needed: [...needed] },
      ...{ missing, notes, defaults, settled },
    },
    lines: linesOf(said),
  };
}

interface SaidOfAll {
  readonly tool: ImportedTool;
  readonly folder: string;
  readonly out: string | undefined;
  readonly imported: readonly Imported[];
  readonly files: readonly string[];
  readonly needed: readonly NeededPath[];
  readonly missing: readonly Finding[];
  readonly notes: readonly Finding[];
  readonly defaults: readonly Default[];
  readonly settled: readonly Settled[];
}

function linesOf({ tool, folder, out, imported, files, needed, missing, notes, defaults, settled }: SaidOfAll): Line[] {
  const plain = (text: string): Line => ({ text, tone: 'plain' });
  const of = new Map(imported.map((one) => [one.path, one]));
  const width = Math.max(0, ...files.map((path) => path.length));
  const list = (heading: string, found: readonly Finding[], tone: 'bad' | 'heading'): Line[] =>
    found.length === 0
      ? []
      : [{ text: '', tone: 'plain' }, { text: `${heading}: ${found.length}`, tone }, ...found.flatMap(findingLines)];
  return [
    {
      text: `${out === undefined ? 'would write' : `wrote below ${out}`}: ${counted(imported.length, 'environment')} of ${toolNames[tool]}, ${counted(files.length, 'file')}`,
      tone: 'heading',
    },
    ...files.map((path) => {
      const one = of.get(path);
      return plain(
        one === undefined
          ? `  ${path}`
          : `  ${path.padEnd(width)}  ${one.kind} ${one.namespace === '' ? '' : `${one.namespace}/`}${one.name}, cluster ${one.cluster}`,
      );
    }),
    ...neededLines(needed, { folder }),
    ...list('has no equal', missing, 'bad'),
    ...list('look at', notes, 'heading'),
    ...counts('look at where it is not said', defaults),
    ...counts('needs nothing', settled),
    ...(out === undefined ? [plain(''), plain('nothing was written: --out FOLDER writes it')] : []),
  ];
}

function counts(heading: string, found: readonly Settled[]): Line[] {
  if (found.length === 0) return [];
  return [
    { text: '', tone: 'plain' },
    { text: heading, tone: 'heading' },
    ...found.map(({ key, count, message }): Line => ({ text: `  ${key} (${count}): ${message}`, tone: 'detail' })),
  ];
}

/** What is to be brought into the repository beside the files, and where each is. */
function neededLines(needed: readonly NeededPath[], { folder }: { folder: string }): Line[] {
  if (needed.length === 0) return [];
  const width = Math.max(...needed.map(({ path }) => path.length));
  return [
    { text: '', tone: 'plain' },
    {
      text: `sources, to be put into the repository at these paths first: ${needed.length}`,
      tone: 'heading',
    },
    ...needed.map(({ path, isThere }): Line => ({
      text: `  ${path.padEnd(width)}  ${isThere ? `is in ${folder} at that path` : `is not in ${folder}: see what has no equal`}`,
      tone: isThere ? 'plain' : 'bad',
    })),
  ];
}

function findingLines({ file, line, kind, name, key, message, remedy }: Finding): Line[] {
  const what = [kind, name, key].filter((part) => part !== '').join(' ');
  return [
    { text: `  ${file}:${line}  ${what === '' ? '' : `${what}: `}${message}`, tone: 'plain' },
    { text: `      ${remedy}`, tone: 'detail' },
  ];
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
