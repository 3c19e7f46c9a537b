/**
 * Whether a text is what a pattern says, of which a `*` stands for any text. In a time that grows with both lengths and
 * no faster: patterns with many stars are no reason to wait.
 */
export function matchesPattern({ pattern, text }: { pattern: string; text: string }): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let from = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, from);
    if (found < 0) return false;
    from = found + part.length;
  }
  return text.length - last.length >= from && text.endsWith(last);
}
