import { shortenedWithin } from '../base/shortened.ts';
import { visibleText } from '../base/visible-text.ts';

/** Characters of a title, characters of a line, and lines, at most: chats and pagers cut what is longer without a word. */
export const largestTitle = 200;
export const largestLine = 300;
export const mostLines = 12;

/**
 * One line of at most so many characters, of a text that anybody may have written: as `visibleText` writes it, and with
 * its length behind where it is cut.
 */
export function boundedText(text: string, largest: number): string {
  return shortenedWithin(visibleText(text), largest);
}
