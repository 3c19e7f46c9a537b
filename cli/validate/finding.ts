/** What is looked for, by the name under which a CI lists it. */
export const rules = {
  'environment-file': 'An environment file says what the schema of environment files allows.',
  'ignored-file': 'A file that is meant as an environment file is one.',
  render: 'The sources of an environment render.',
  duplicate: 'An object is declared once in a cluster.',
  'unknown-kind': 'A kind and its API version are built in, or defined in the tree.',
  schema: 'An object is what the schema of its kind says, built in or of a CustomResourceDefinition.',
  api: 'An API server takes an object in a dry run.',
  name: 'Names, namespaces, labels and annotations are such as the API server takes.',
} as const;
export type Rule = keyof typeof rules;

export interface Finding {
  readonly rule: Rule;
  readonly level: 'error' | 'warning';
  readonly message: string;
  /** From the root of the tree. */
  readonly file: string;
  /** From 1; null where that cannot be told. */
  readonly line: number | null;
  /** The key of an environment file, like `spec.sources.0`; null of anything else. */
  readonly key: string | null;
  /** Those it is of; a template may be wrong in several. */
  readonly environments: readonly string[];
}

/** Each once, with all environments that have it, in the order of files and lines. */
export function merged(findings: readonly Finding[]): Finding[] {
  const known = new Map<string, Finding>();
  for (const finding of findings) {
    const { rule, message, file, line } = finding;
    const id = JSON.stringify([rule, message, file, line]);
    const same = known.get(id);
    const environments = [...new Set([...(same?.environments ?? []), ...finding.environments])].sort();
    known.set(id, { ...finding, environments });
  }
  const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);
  return [...known.values()].sort(
    (a, b) => compare(a.file, b.file) || (a.line ?? 0) - (b.line ?? 0) || compare(a.message, b.message),
  );
}
