import { at, isFields, type Fields } from './values.ts';

/** A text with its parameters filled in; or the expression that this command does not know. */
export type Filled = { readonly text: string } | { readonly unknown: string };

export interface TemplateOptions {
  /** The template of Go in place of plain `{{name}}`. */
  readonly isGo: boolean;
}

/** https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Template/ and …/GoTemplate/, as far as files need it. */
export function fill(text: string, parameters: Fields, { isGo }: TemplateOptions): Filled {
  let unknown: string | undefined;
  const filled = text.replace(/\{\{-?\s*([^{}]*?)\s*-?\}\}/g, (whole, expression: string) => {
    const value = isGo ? goValue(expression, parameters) : plainValue(expression, parameters);
    if (value === undefined) unknown ??= whole;
    return value ?? '';
  });
  if (unknown === undefined && filled.includes('{{')) unknown = filled.slice(filled.indexOf('{{'));
  return unknown === undefined ? { text: filled } : { unknown };
}

/** `path.basename`, `path[0]`, `values.project`, and any key with dots in it. */
function plainValue(expression: string, parameters: Fields): string | undefined {
  if (Object.hasOwn(parameters, expression)) return asText(parameters[expression]);
  const [normalized = ''] = /^(.*)Normalized$/.exec(expression)?.slice(1) ?? [];
  if (normalized !== '') {
    const value = plainValue(normalized, parameters);
    return value === undefined ? undefined : normalize(value);
  }
  const [, list, index] = /^(.+)\[(\d+)\]$/.exec(expression) ?? [];
  // `path` is the path itself, and has keys below it.
  const keys = keysOf(list ?? expression, parameters);
  const found = at(
    parameters,
    index === undefined ? keys : [...keys, ...(list === 'path' ? ['segments'] : []), Number(index)],
  );
  return isFields(found) && typeof found['path'] === 'string' ? found['path'] : asText(found);
}

function goValue(expression: string, parameters: Fields): string | undefined {
  const [first = '', ...filters] = expression.split('|').map((part) => part.trim());
  let value = goTerm(first, parameters);
  for (const filter of filters) {
    if (value === undefined) return undefined;
    const [, quoted] = /^(?:default|trimPrefix|trimSuffix) +"([^"]*)"$/.exec(filter) ?? [];
    if (filter === 'normalize') value = normalize(value);
    else if (filter === 'lower') value = value.toLowerCase();
    else if (filter === 'upper') value = value.toUpperCase();
    else if (filter === 'quote') value = JSON.stringify(value);
    else if (filter.startsWith('default') && quoted !== undefined) value = value === '' ? quoted : value;
    else if (filter.startsWith('trimPrefix') && quoted !== undefined)
      value = value.startsWith(quoted) ? value.slice(quoted.length) : value;
    else if (filter.startsWith('trimSuffix') && quoted !== undefined)
      value = value.endsWith(quoted) ? value.slice(0, value.length - quoted.length) : value;
    else return undefined;
  }
  return value;
}

function goTerm(term: string, parameters: Fields): string | undefined {
  const [, text] = /^"([^"\\]*)"$/.exec(term) ?? [];
  if (text !== undefined) return text;
  const [, call, argument = ''] = /^(normalize|lower|upper|quote) +(\S+)$/.exec(term) ?? [];
  if (call !== undefined) return goValue(`${argument} | ${call}`, parameters);
  const [, list = '', index = ''] = /^index +(\.\S+) +(\d+|"[^"]+")$/.exec(term) ?? [];
  if (list !== '')
    return asText(
      at(parameters, [...goKeys(list, parameters), index.startsWith('"') ? index.slice(1, -1) : Number(index)]),
    );
  if (!/^\.[\w.$-]+$/.test(term)) return undefined;
  const found = at(parameters, goKeys(term, parameters));
  return isFields(found) ? undefined : asText(found);
}

const goKeys = (term: string, parameters: Fields): string[] => keysOf(term.slice(1), parameters);

/** Of a generator of Git `path` is itself a text, and has keys below it: it is kept as `$path`. */
function keysOf(expression: string, parameters: Fields): string[] {
  const keys: string[] = [];
  for (const key of expression.split('.')) {
    const above = at(parameters, keys);
    keys.push(key === 'path' && isFields(above) && !Object.hasOwn(above, key) ? '$path' : key);
  }
  return keys;
}

function asText(value: unknown): string | undefined {
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : undefined;
}

/** A name as Kubernetes takes it. */
export function normalize(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9-.]+/g, '-')
    .slice(0, 253)
    .replace(/^[-.]+|[-.]+$/g, '');
}

/** All texts of a value filled in, keys among them; or the first expression that is not known. */
export function fillAll(
  value: unknown,
  parameters: Fields,
  options: TemplateOptions,
): { value: unknown } | { unknown: string } {
  if (typeof value === 'string') {
    const filled = fill(value, parameters, options);
    return 'unknown' in filled ? filled : { value: filled.text };
  }
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const item of value as unknown[]) {
      const filled = fillAll(item, parameters, options);
      if ('unknown' in filled) return filled;
      items.push(filled.value);
    }
    return { value: items };
  }
  if (!isFields(value)) return { value };
  const entries: [string, unknown][] = [];
  for (const [key, below] of Object.entries(value)) {
    const name = fill(key, parameters, options);
    if ('unknown' in name) return name;
    const filled = fillAll(below, parameters, options);
    if ('unknown' in filled) return filled;
    entries.push([name.text, filled.value]);
  }
  return { value: Object.fromEntries(entries) };
}
