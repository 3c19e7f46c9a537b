/** A map of a YAML document. */
export type Fields = Readonly<Record<string, unknown>>;
export type KeyPath = readonly (string | number)[];

export function isFields(value: unknown): value is Fields {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** What stands at a path; undefined where nothing does. */
export function at(value: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (above, key) =>
      above !== null && typeof above === 'object' && Object.hasOwn(above, key) ? Reflect.get(above, key) : undefined,
    value,
  );
}

export function textAt(value: unknown, path: KeyPath): string | undefined {
  const found = at(value, path);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

export function fieldsAt(value: unknown, path: KeyPath): Fields {
  const found = at(value, path);
  return isFields(found) ? found : {};
}

export function listAt(value: unknown, path: KeyPath): readonly unknown[] {
  const found = at(value, path);
  return Array.isArray(found) ? found : [];
}

export function textsAt(value: unknown, path: KeyPath): string[] {
  return listAt(value, path).filter((item) => typeof item === 'string');
}

/** `spec.sources[0].path`. */
export function dotted(path: KeyPath): string {
  return path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? key : `${text}.${key}`),
    '',
  );
}

/** The group of an `apiVersion`; empty for the core group. */
export function groupOf(object: unknown): string {
  const version = textAt(object, ['apiVersion']) ?? '';
  return version.includes('/') ? version.slice(0, version.indexOf('/')) : '';
}

export const kindOf = (object: unknown): string => textAt(object, ['kind']) ?? '';
export const nameOf = (object: unknown): string => textAt(object, ['metadata', 'name']) ?? '';
export const namespaceOf = (object: unknown): string | undefined => textAt(object, ['metadata', 'namespace']);
