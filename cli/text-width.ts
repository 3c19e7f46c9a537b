import stringWidth from 'string-width';

/** Columns of a terminal that a text takes: two for `日`, none for an accent that stands on a letter. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

/** With blanks at its end, as wide as that. */
export function padded(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - widthOf(text)));
}

const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** No wider than that; where something is cut away, `…` says so. */
export function cutTo(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let [shown, width] = ['', 0];
  for (const { segment } of characters.segment(text)) {
    width += widthOf(segment);
    if (width > columns - 1) break;
    shown += segment;
  }
  return `${shown}…`;
}
