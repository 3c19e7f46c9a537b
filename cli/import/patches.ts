import { at, isFields, type Fields } from './values.ts';

/**
 * What a strategic merge patch makes of a custom resource: as Kustomize knows no schema of it, maps are merged, and a list
 * takes the place of a list. Undefined: the object is deleted.
 */
export function mergePatch(target: Fields, patch: Fields): Fields | undefined {
  if (patch['$patch'] === 'delete') return undefined;
  const merged = merge(target, patch);
  return isFields(merged) ? merged : target;
}

function merge(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const base = isFields(target) && patch['$patch'] !== 'replace' ? target : {};
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (key === '$patch') continue;
    if (value === null || (isFields(value) && value['$patch'] === 'delete')) delete result[key];
    else result[key] = merge(base[key], value);
  }
  return result;
}

/** What operations of RFC 6902 make of an object; or why they cannot. `test`, `move` and `copy` among them. */
export function jsonPatch(target: Fields, operations: readonly unknown[]): { value: Fields } | { problem: string } {
  let value: unknown = structuredClone(target);
  for (const operation of operations) {
    const op = at(operation, ['op']);
    const path = at(operation, ['path']);
    if (typeof path !== 'string' || !path.startsWith('/')) return { problem: `${String(path)}: is no JSON pointer` };
    const keys = path
      .slice(1)
      .split('/')
      .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
    const changed = change(value, { op, keys, to: at(operation, ['value']) });
    if (changed === undefined) return { problem: `${String(op)} ${path}` };
    value = changed.value;
  }
  return isFields(value) ? { value } : { problem: 'it leaves no map' };
}

function change(
  node: unknown,
  { op, keys, to }: { op: unknown; keys: readonly string[]; to: unknown },
): { value: unknown } | undefined {
  const [key, ...rest] = keys;
  if (key === undefined || !(op === 'add' || op === 'replace' || op === 'remove')) return undefined;
  if (Array.isArray(node)) {
    const list: unknown[] = [...node];
    const index = key === '-' ? list.length : /^\d+$/.test(key) ? Number(key) : -1;
    if (index < 0 || index > list.length) return undefined;
    if (rest.length > 0) {
      const below = change(list[index], { op, keys: rest, to });
      if (below === undefined) return undefined;
      list[index] = below.value;
    } else if (op === 'remove') list.splice(index, 1);
    else list.splice(index, op === 'add' ? 0 : 1, to);
    return { value: list };
  }
  if (!isFields(node)) return undefined;
  const result: Record<string, unknown> = { ...node };
  if (rest.length > 0) {
    const below = change(result[key], { op, keys: rest, to });
    if (below === undefined) return undefined;
    result[key] = below.value;
  } else if (op === 'remove') delete result[key];
  else result[key] = to;
  return { value: result };
}
