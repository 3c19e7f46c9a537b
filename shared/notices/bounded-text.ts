/** Characters of a title, characters of a line, and lines, at most: chats and pagers cut what is longer without a word. */
export const largestTitle = 200;
export const largestLine = 300;
export const mostLines = 12;

/**
 * One line of at most so many characters, of a text that anybody may have written: what is longer is cut, with its
 * length behind it. Characters that move a cursor, colour a terminal, break a line or turn its direction are written as
 * `\u001b`: they mean nothing anywhere.
 */
export function boundedText(text: string, largest: number): string {
  const plain = text.toWellFormed().trim();
  if (plain.length <= largest) return visible(plain, largest);
  const said = `… (${plain.length} characters)`;
  return `${visible(plain.slice(0, largest - said.length).toWellFormed(), largest - said.length)}${said}`;
}

/** Controls (C0, DEL, C1), line and paragraph separators, and marks of direction, which may dress a text as another. */
// oxlint-disable-next-line no-control-regex
const invisible = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function visible(text: string, largest: number): string {
  const escaped = text
    .replaceAll(/\s*\r?\n\s*|\t/g, ' ')
    .replaceAll(invisible, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return escaped.length <= largest ? escaped : `${escaped.slice(0, largest - 1).toWellFormed()}…`;
}
