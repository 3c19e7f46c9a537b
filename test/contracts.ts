import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const docs = resolve(import.meta.dirname, '..', 'docs');

/** All pages of the contracts, one behind the other. */
export const contracts = [
  join(docs, 'contracts.md'),
  ...readdirSync(join(docs, 'contracts'))
    .sort()
    .map((page) => join(docs, 'contracts', page)),
]
  .map((page) => readFileSync(page, 'utf8'))
  .join('\n');

/** A fenced block of them, by the words behind its fence: `json diff`. */
export function exampleOf(words: string): string {
  const [, example] = new RegExp(`^\`\`\`${words}\\n([^]*?)^\`\`\`$`, 'm').exec(contracts) ?? [];
  if (example === undefined) throw new Error(`the contracts have no example ${words}`);
  return example;
}
