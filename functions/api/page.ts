import { z } from 'zod';
import { ConvergeError } from '../../shared/base/errors.ts';

/** How many entries a page has where nobody says, and at the most. */
const usualEntries = 100;
export const mostEntries = 500;

/** The parameters of a list that comes in pages. */
export const pageParameters = {
  limit: z.coerce
    .number('is no number')
    .int('is no whole number')
    .min(1, 'is less than 1')
    .max(mostEntries, `is more than ${mostEntries}`)
    .default(usualEntries)
    .describe('How many entries at the most'),
  cursor: z.string().optional().describe('`next` of the page before; absent: the first page'),
};

/** The order of a list. */
export interface Order<T> {
  /** Which no two entries share, and which stays that of an entry: texts that are compared one by one. */
  readonly position: (entry: T) => readonly string[];
  readonly isNewestFirst: boolean;
}

/**
 * One page of a list. A cursor names the last entry of the page before and no number: what comes or goes meanwhile neither
 * repeats an entry nor hides one that was there all the time. Throws `BadRequest` (refuse) for a cursor of something else.
 *
 * @param asked.name of the list: another one's cursor is none of it
 * @returns `next` is the cursor of the page after; null: there is none
 */
export function pageOf<T>(
  entries: readonly T[],
  {
    name,
    limit,
    cursor,
    position,
    isNewestFirst,
  }: Order<T> & { name: string; limit: number; cursor?: string | undefined },
): { readonly entries: readonly T[]; readonly next: string | null } {
  const turn = isNewestFirst ? -1 : 1;
  const sorted = entries
    .map((entry) => ({ entry, at: position(entry) }))
    .sort((one, other) => turn * compare(one.at, other.at));
  const last = cursor === undefined ? undefined : readCursor(name, cursor);
  const rest = last === undefined ? sorted : sorted.filter(({ at }) => turn * compare(at, last) > 0);
  const page = rest.slice(0, limit);
  const end = page.at(-1);
  const next = rest.length > page.length && end !== undefined ? writeCursor(name, end.at) : null;
  return { entries: page.map(({ entry }) => entry), next };
}

function compare(one: readonly string[], other: readonly string[]): number {
  for (const [index, text] of one.entries()) {
    const beside = other[index] ?? '';
    if (text !== beside) return text < beside ? -1 : 1;
  }
  return 0;
}

const cursorSchema = z.tuple([z.string()], z.string());

function writeCursor(name: string, at: readonly string[]): string {
  return Buffer.from(JSON.stringify([name, ...at])).toString('base64url');
}

function readCursor(name: string, cursor: string): readonly string[] {
  const [of, ...at] = parseCursor(cursor) ?? [];
  if (of === name) return at;
  throw new ConvergeError({
    code: 'BadRequest',
    subject: 'cursor',
    message: `is none that a page of ${name} has given`,
    remedy: 'leave it out for the first page, and take `next` of each for the one after',
    disposition: 'refuse',
  });
}

function parseCursor(cursor: string): readonly string[] | undefined {
  try {
    return cursorSchema.safeParse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
