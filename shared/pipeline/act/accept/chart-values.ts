import { isMap } from '../../../objects/exact-json.ts';
import type { FieldEdit } from './field-edit.ts';
import { guesses, scalarsOf, type Scalar } from './scalars.ts';

/** A file of values, as it is read. */
export interface ValuesFile {
  readonly path: string;
  readonly values: unknown;
  /** Whether other environments are made of it, too. */
  readonly isShared: boolean;
}

export interface ValuesEdit {
  readonly file: string;
  readonly edit: FieldEdit;
}

/** Renders that are tried for one field. */
const mostTries = 20;

/**
 * The edits of values by which a chart may come to render what was observed of a field: each of one scalar, in the file that
 * says it last, or in one that is read after it and is this environment's alone. Which of them do, only a render tells.
 *
 * @param defaults of the chart
 * @param files of the environment, in the order in which they are read
 */
export function valuesEdits(
  { defaults, files }: { defaults: unknown; files: readonly ValuesFile[] },
  field: { readonly desired: unknown; readonly observed: unknown },
): readonly ValuesEdit[] {
  const merged = [defaults, ...files.map(({ values }) => values)].reduce(merge);
  return guesses(scalarsOf(merged), field)
    .flatMap(({ path, value }) => {
      const file = fileFor(path, files);
      return file === undefined ? [] : [{ file: file.path, edit: editIn(file.values, { path, value }) }];
    })
    .slice(0, mostTries);
}

/** As Helm lays one file of values over another: maps are merged, all else is replaced, and null removes. */
function merge(under: unknown, over: unknown): unknown {
  if (!isMap(under) || !isMap(over)) return over === undefined || (over === null && isMap(under)) ? under : over;
  const names = new Set([...Object.keys(under), ...Object.keys(over)]);
  return Object.fromEntries(
    [...names].flatMap((name) => {
      if (over[name] === null) return [];
      return [[name, name in over ? merge(under[name], over[name]) : under[name]]];
    }),
  );
}

/** Of a list, only the file that has it says an item: it is replaced as a whole. */
function fileFor(path: Scalar['path'], files: readonly ValuesFile[]): ValuesFile | undefined {
  const own = files.findLastIndex(({ values }) => at(values, path) !== undefined);
  if (path.some((key) => typeof key === 'number')) return files[own];
  const after = files.slice(Math.max(own, 0));
  return after.findLast(({ isShared }) => !isShared) ?? files[own] ?? files.at(-1);
}

function at(value: unknown, path: Scalar['path']): unknown {
  return path.reduce<unknown>((inside, key) => {
    if (Array.isArray(inside)) return (inside as readonly unknown[])[Number(key)];
    return isMap(inside) ? inside[key] : undefined;
  }, value);
}

/** At the first key that the file does not have, all below it is written at once. */
function editIn(values: unknown, { path, value }: FieldEdit): FieldEdit {
  const holds = (inside: unknown): boolean => isMap(inside) || Array.isArray(inside);
  const there = path.findIndex((_, index) => index > 0 && !holds(at(values, path.slice(0, index))));
  if (there === -1) return { path, value };
  const nested = path.slice(there).reduceRight<unknown>((below, key) => ({ [key]: below }), value);
  return { path: path.slice(0, there), value: nested };
}
