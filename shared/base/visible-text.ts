/** Controls (C0, DEL, C1), line and paragraph separators, and marks of direction, which may dress a text as another. */
// oxlint-disable-next-line no-control-regex
const invisible = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/**
 * One line of a text that anybody may have written, well-formed: lines and tabs are spaces, and characters that move a
 * cursor, colour a terminal or turn its direction are written as `\u001b`, which means nothing anywhere.
 */
export function visibleText(text: string): string {
  return text
    .toWellFormed()
    .trim()
    .replaceAll(/\s*\r?\n\s*|\t/g, ' ')
    .replaceAll(invisible, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
