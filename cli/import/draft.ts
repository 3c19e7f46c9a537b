import { createHash } from 'node:crypto';
import { dump } from 'js-yaml';
import { ConvergeError } from '../../shared/base/errors.ts';
import { durationPattern } from '../../shared/environment/duration.ts';
import { environmentPath, parseEnvironmentFile } from '../../shared/environment/environment-file.ts';
import type { Built, Findings } from './findings.ts';
import type { SourceFields, WrittenFile } from './sources.ts';
import { fieldsAt, kindOf, nameOf, namespaceOf, type Fields } from './values.ts';

/** What an object becomes, before it is known what the others are called. */
export interface Draft {
  /** Of the object: `keyOf`. */
  readonly key: string;
  readonly object: Built;
  readonly cluster: string;
  readonly namespace: string;
  /** Keys of what it waits for, each with where it says so. */
  readonly dependsOn: readonly string[];
  readonly spec: Fields;
  readonly make: (name: string) => { sources: SourceFields[]; files: WrittenFile[] };
}

/** What came of all objects of a checkout. */
export interface Converted {
  readonly drafts: Draft[];
  /** What became of an object that is no environment itself: what it brought. */
  readonly aliases: Map<string, readonly string[]>;
}

export interface Imported {
  readonly environment: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly file: string;
  readonly cluster: string;
  readonly path: string;
}

export function keyOf(cluster: string, object: { kind: string; namespace: string; name: string }): string {
  return JSON.stringify([cluster, object.kind, object.namespace, object.name]);
}

/**
 * The environment files of drafts, with what lies beside them. One that Converge's own parser would refuse is not among
 * them, and told as missing.
 *
 * @param aliases what became of objects that are no environment: the keys of what they brought
 */
export function writeDrafts(
  drafts: readonly Draft[],
  { aliases, findings }: { aliases: ReadonlyMap<string, readonly string[]>; findings: Findings },
): { imported: Imported[]; files: WrittenFile[]; sources: SourceFields[] } {
  const names = namesOf(drafts);
  const byKey = new Map(drafts.map((draft) => [draft.key, names.get(draft) ?? '']));
  const environmentsOf = (key: string, seen: ReadonlySet<string>): string[] => {
    const own = byKey.get(key);
    if (own !== undefined) return [own];
    return seen.has(key)
      ? []
      : (aliases.get(key) ?? []).flatMap((child) => environmentsOf(child, new Set([...seen, key])));
  };
  const imported: Imported[] = [];
  const files: WrittenFile[] = [];
  const made: SourceFields[] = [];
  const called = (draft: Draft): string => names.get(draft) ?? '';
  for (const draft of drafts.toSorted((a, b) => (called(a) < called(b) ? -1 : 1))) {
    const name = called(draft);
    const { sources, files: beside } = draft.make(name);
    const dependsOn = [...new Set(draft.dependsOn.flatMap((key) => environmentsOf(key, new Set())))].filter(
      (other) => other !== name,
    );
    const spec = {
      ...{ cluster: draft.cluster, namespace: draft.namespace, sources },
      ...(dependsOn.length === 0 ? {} : { dependsOn }),
      ...draft.spec,
      adopt: true,
    };
    const path = environmentPath(name);
    const text = textOf({ name, spec, draft });
    try {
      parseEnvironmentFile({ file: path, text });
    } catch (error) {
      if (!(error instanceof ConvergeError)) throw error;
      findings.missing(draft.object, [], {
        message: `${path} was not written: ${error.problem}`,
        remedy: 'write its environment file by hand',
      });
      continue;
    }
    files.push({ path, text }, ...beside);
    made.push(...sources);
    imported.push({
      ...{ environment: name, kind: kindOf(draft.object.value), name: nameOf(draft.object.value) },
      ...{
        namespace: namespaceOf(draft.object.value) ?? '',
        file: draft.object.layers[0].file,
        cluster: draft.cluster,
        path,
      },
    });
  }
  return { imported, files: [...new Map(files.map((file) => [file.path, file])).values()], sources: made };
}

function textOf({ name, spec, draft }: { name: string; spec: Fields; draft: Draft }): string {
  const {
    kind,
    namespace,
    name: called,
    file,
  } = {
    ...{
      kind: kindOf(draft.object.value),
      namespace: namespaceOf(draft.object.value),
      name: nameOf(draft.object.value),
    },
    file: draft.object.layers[0].file,
  };
  const from = `${kind} ${namespace === undefined ? '' : `${namespace}/`}${called}, ${file}`.replace(
    /[^\x20-\x7e]+/g,
    ' ',
  );
  const labels = Object.entries(fieldsAt(draft.object.value, ['metadata', 'labels'])).filter(
    ([label]) => !/(fluxcd|argoproj)\.io\//.test(label),
  );
  const metadata = { name, ...(labels.length === 0 ? {} : { labels: Object.fromEntries(labels) }) };
  const value = { apiVersion: 'converge.dev/v1', kind: 'Environment', metadata, spec };
  return `# Was ${from}\n${dump(value, { lineWidth: -1, noRefs: true }).replace(/^ {2}adopt: true$/m, '  adopt: true # until it has converged: its objects still bear the marks of the tool before')}`;
}

/** The shortest name that tells each from all others: its own, with its cluster, its namespace, its kind. */
function namesOf(drafts: readonly Draft[]): ReadonlyMap<Draft, string> {
  const names = new Map<Draft, string>();
  const taken = new Set<string>();
  const formsOf = ({ object: { value }, cluster, namespace }: Draft): string[] => {
    const own = nameOf(value);
    const kind = kindOf(value).toLowerCase();
    return [
      ...[
        [own],
        [cluster, own],
        [namespace, own],
        [cluster, namespace, own],
        [own, kind],
        [cluster, namespace, own, kind],
      ],
      [cluster, namespaceOf(value) ?? '', own, kind],
    ].map((parts) => asName(parts.join('-')));
  };
  for (const [, group] of Map.groupBy(drafts, (draft) => formsOf(draft)[0])) {
    const level =
      group.length === 1
        ? 0
        : formsOf(group[0] as Draft).findIndex(
            (_form, index) => new Set(group.map((draft) => formsOf(draft)[index])).size === group.length,
          );
    for (const draft of group) {
      const form = formsOf(draft).at(level === -1 ? -1 : level) ?? '';
      const name = taken.has(form) ? asName(`${form}-${digest(draft.key)}`) : form;
      taken.add(name);
      names.set(draft, name);
    }
  }
  return names;
}

const longestName = 53;
const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8);

function asName(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  if (name.length <= longestName) return name === '' ? `x-${digest(text)}` : name;
  return `${name.slice(0, longestName - 9).replace(/-+$/, '')}-${digest(name)}`;
}

/** A duration of Go in the words of an environment file (`5m0s`, and `90s` for `1.5m`); undefined where it is none. */
export function durationOf(text: string): string | undefined {
  if (durationPattern.test(text)) return text.replace(/(?<=[hms])0(?:s|m|h)(?=\d|$)/g, '') || text;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) return undefined;
  const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
  const milliseconds = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units],
    0,
  );
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${Math.round(milliseconds)}ms`;
}
