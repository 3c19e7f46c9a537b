import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shortened, shortenedWithin } from '../../../shared/base/shortened.ts';
import { visibleText } from '../../../shared/base/visible-text.ts';

describe('a text that is shortened', () => {
  it('says how long it was, and stays as it is where it is short', () => {
    expect(shortened('x'.repeat(3_120), 10)).toBe('xxxxxxxxxx… (3120 characters)');
    expect(shortenedWithin('x'.repeat(3_120), 29)).toBe('xxxxxxxxxx… (3120 characters)');
    expect(shortened('x'.repeat(10), 10)).toBe('xxxxxxxxxx');
  });

  it('says its first length also where it is cut again, shorter', () => {
    const once = shortened('x'.repeat(3_120), 500);
    expect(shortened(once, 10)).toBe('xxxxxxxxxx… (3120 characters)');
    expect(shortenedWithin(once, 29)).toBe('xxxxxxxxxx… (3120 characters)');
    expect(shortened(`…${'x'.repeat(500)}… (3120 characters)`, 10)).toBe('…xxxxxxxxx… (3120 characters)');
    // No beginning of a shorter text: somebody wrote that.
    expect(shortened(`${'x'.repeat(20)}… (7 characters)`, 10)).toBe('xxxxxxxxxx… (36 characters)');
  });

  it('is cut between two characters, is no longer than it may be, and is shortened once', () => {
    const texts = fc.string({ unit: 'binary', maxLength: 400 });
    fc.assert(
      fc.property(texts, fc.integer({ min: 40, max: 300 }), (text, largest) => {
        const short = shortened(text, largest);
        expect(short.isWellFormed()).toBe(text.isWellFormed());
        expect(short.length).toBeLessThanOrEqual(largest + '… (400 characters)'.length);
        expect(shortened(short, largest)).toBe(short);
        expect(shortenedWithin(text, largest).length).toBeLessThanOrEqual(largest);
      }),
    );
    expect(shortened(`${'x'.repeat(9)}😀😀`, 10)).toBe('xxxxxxxxx… (13 characters)');
  });
});

describe('a text that anybody may have written', () => {
  it('shows what would move a cursor or colour a terminal', () => {
    expect(visibleText(' \u001b[31mError\u001b[0m:\n\tno chart\r\n at\u0007 ')).toBe(
      String.raw`\u001b[31mError\u001b[0m: no chart at\u0007`,
    );
  });
});
