/**
 * A text whose first `longest` characters are kept, with its length behind: `… (3120 characters)`. No character is cut
 * in two, what was shortened to as much before stays as it is, and what was shortened to more says its first length. What is secret in it is to be hidden before: a half
 * of it would not be found.
 *
 * @param longest characters as JavaScript counts them: UTF-16 code units
 */
export function shortened(text: string, longest: number): string {
  if (text.length <= longest || isShortened(text, longest)) return text;
  return `${beginning(text, longest)}${lengthOf(text)}`;
}

/** The same within `largest` characters, the words about its length included. */
export function shortenedWithin(text: string, largest: number): string {
  return text.length <= largest ? text : `${beginning(text, largest - lengthOf(text).length)}${lengthOf(text)}`;
}

/** Its first characters, without the half of one that takes two. */
export function beginning(text: string, longest: number): string {
  const end = Math.max(longest, 0);
  const isHalved = /[\ud800-\udbff]/.test(text.charAt(end - 1)) && /[\udc00-\udfff]/.test(text.charAt(end));
  return text.slice(0, isHalved ? end - 1 : end);
}

function lengthOf(text: string): string {
  return `… (${firstLengthOf(text)} characters)`;
}

function firstLengthOf(text: string): number {
  const [said = '', length = ''] = wordsOfLength.exec(text) ?? [];
  return Number(length) > text.length - said.length ? Number(length) : text.length;
}

const wordsOfLength = /… \((\d{1,9}) characters\)$/;

function isShortened(text: string, longest: number): boolean {
  const said = wordsOfLength.exec(text)?.[0];
  return said !== undefined && text.length - said.length <= longest;
}
