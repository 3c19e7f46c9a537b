import type { PathStep } from './owned-fields.ts';

/** The way to one field of an object, from its root. */
export type FieldPath = readonly PathStep[];

/*
 * Paths as alerts show them and ignore rules take them: JSON pointers (RFC 6901), with two additions. An item of a list
 * is selected by its keys, `/spec/ports[port=53,protocol=UDP]/targetPort`, or by its value where it is no map,
 * `[="a"]`; and beside `~0` for `~` and `~1` for `/`, `~2` stands for `[` in the name of a field. A key's value stands
 * in double quotes, as JSON, where it would be read as something else.
 */

/** The text of a path; `parsePath` reads it back. */
export function pointer(path: FieldPath): string {
  return path.map(stepText).join('');
}

function stepText(step: PathStep): string {
  switch (step.step) {
    case 'field':
      return `/${step.name.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('[', '~2')}`;
    case 'item':
      return `[${Object.entries(step.keys)
        .map(([key, value]) => `${key}=${keyText(value)}`)
        .join(',')}]`;
    case 'member':
      return `[=${JSON.stringify(step.value)}]`;
    case 'index':
      return `/${step.index}`;
  }
}

function keyText(value: unknown): string {
  return typeof value === 'string' && (value === '' || /[",\]]/.test(value) || bareValue(value) !== value)
    ? JSON.stringify(value)
    : String(value);
}

/** What a key's value means that stands there without quotes. */
function bareValue(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?(0|[1-9]\d*)$/.test(text) ? Number(text) : text;
}

/** The last part of a path, for people: `image`, `containers[name=web]`, `example.com/owner`. */
export function lastPart(text: string): string {
  const path = parsePath(text);
  if ('problem' in path) return text;
  const from = path.path.findLastIndex(({ step }) => step === 'field' || step === 'index');
  const [first, ...selectors] = path.path.slice(Math.max(from, 0));
  const name = first?.step === 'field' ? first.name : first === undefined ? '' : pointer([first]).replace(/^\//, '');
  return `${name}${pointer(selectors)}`;
}

/**
 * Reads a path, or says what is wrong with it. A number is read as the name of a field: whether it is a place in a list
 * is known by the object only.
 */
export function parsePath(text: string): { readonly path: FieldPath } | { readonly problem: string } {
  const path: PathStep[] = [];
  let rest = text;
  while (rest !== '') {
    const name = /^\/([^/[]*)/.exec(rest);
    if (name !== null) {
      const [whole, escaped = ''] = name;
      if (/~(?![012])/.test(escaped)) return { problem: `${escaped}: expected ~0 for ~, ~1 for / and ~2 for [` };
      path.push({ step: 'field', name: escaped.replaceAll('~2', '[').replaceAll('~1', '/').replaceAll('~0', '~') });
      rest = rest.slice(whole.length);
      continue;
    }
    if (!rest.startsWith('[') || path.length === 0) return { problem: 'expected a JSON pointer, which begins with /' };
    const selector = readSelector(rest);
    if (selector === undefined)
      return { problem: `${rest}: expected a selector like [name=web], or ~2 for a [ in a name` };
    path.push(selector.step);
    rest = rest.slice(selector.length);
  }
  return { path };
}

const quoted = String.raw`"(?:[^"\\]|\\.)*"`;
const memberSelector = new RegExp(String.raw`^\[=(${quoted}|-?\d+(?:\.\d+)?|true|false|null)\]`);
const keyAndValue = new RegExp(String.raw`^[[,]([A-Za-z0-9_.$-]+)=(${quoted}|[^",\]]+)`);

function readSelector(text: string): { readonly step: PathStep; readonly length: number } | undefined {
  const member = memberSelector.exec(text);
  if (member !== null) {
    const value = jsonValue(member[1] ?? '');
    return value === undefined ? undefined : { step: { step: 'member', value }, length: member[0].length };
  }
  const keys: Record<string, unknown> = {};
  let at = 0;
  while (text[at] !== ']') {
    const found = keyAndValue.exec(at === 0 ? text : text.slice(at));
    if (found === null || (at > 0 && text[at] !== ',') || found[1] === undefined || Object.hasOwn(keys, found[1]))
      return undefined;
    const value = found[2]?.startsWith('"') === true ? jsonValue(found[2]) : bareValue(found[2] ?? '');
    if (value === undefined) return undefined;
    keys[found[1]] = value;
    at += found[0].length;
  }
  return { step: { step: 'item', keys }, length: at + 1 };
}

function jsonValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
