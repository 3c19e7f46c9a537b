import { isFields, textAt, at, type Fields } from './values.ts';

/** Parameters (`helm template --set`) laid over values; what cannot be said so by a file is told by its index. */
export function readParameters(
  values: Fields,
  parameters: readonly unknown[],
): { value: Fields; problems: { index: number; message: string }[] } {
  const problems: { index: number; message: string }[] = [];
  let value = values;
  for (const [index, parameter] of parameters.entries()) {
    const name = textAt(parameter, ['name']) ?? '';
    const said = at(parameter, ['value']);
    const text = typeof said === 'string' ? said : JSON.stringify(said ?? '');
    const keys = keysOf(name);
    const isString = at(parameter, ['forceString']) === true;
    if (keys === undefined || (!isString && /^\{.*\}$|\\/.test(text))) {
      problems.push({ index, message: `${name}=${text}: is no plain key with a plain value` });
      continue;
    }
    const laid = layOver(value, keys, isString ? text : typed(text));
    if (isFields(laid)) value = laid;
    else problems.push({ index, message: `${name}: an item of a list that is in no file of this source` });
  }
  return { value, problems };
}

/** `image.tag`, `hosts[0].name`, `annotations.example\.com/x`. */
function keysOf(name: string): (string | number)[] | undefined {
  const keys: (string | number)[] = [];
  for (const part of name.split(/(?<!\\)\./)) {
    const [, key = '', indexes = ''] = /^((?:[^[\]\\{},=]|\\.)+)((?:\[\d{1,4}\])*)$/.exec(part) ?? [];
    if (key === '') return undefined;
    keys.push(key.replace(/\\(.)/g, '$1'), ...[...indexes.matchAll(/\d+/g)].map(([digits]) => Number(digits)));
  }
  return keys.length === 0 ? undefined : keys;
}

/** As Helm reads what follows the `=`. */
function typed(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  if (text === 'null') return null;
  return /^-?(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : text;
}

function layOver(node: unknown, keys: readonly (string | number)[], to: unknown): unknown {
  const [key, ...rest] = keys;
  if (key === undefined) return to;
  if (typeof key === 'number') {
    const list: unknown[] = Array.isArray(node) ? [...(node as unknown[])] : [];
    if (key > list.length) return undefined;
    const laid = layOver(list[key], rest, to);
    if (laid === undefined) return undefined;
    list[key] = laid;
    return list;
  }
  const fields = isFields(node) ? node : {};
  const laid = layOver(fields[key], rest, to);
  return laid === undefined ? undefined : { ...fields, [key]: laid };
}
