import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseEnvironmentFile } from '../../../shared/environment/environment-file.ts';

const docs = join(import.meta.dirname, '../../../docs');
const pages = readdirSync(docs).filter((file) => file.endsWith('.md'));
const textOf = (page: string): string => readFileSync(join(docs, page), 'utf8');
const named = z.looseObject({ metadata: z.looseObject({ name: z.string() }) });

/** The fenced blocks ```yaml environment of the pages. */
const examples = pages.flatMap((page) =>
  [...textOf(page).matchAll(/^```yaml environment\n([^]*?)^```$/gm)].map(([, text = ''], index) => ({
    ...{ page, text, number: index + 1 },
  })),
);

describe('the environment files of the documents', () => {
  it('are there for who comes from another product', () => {
    for (const page of ['migrate-from-flux.md', 'migrate-from-argocd.md'])
      expect(examples.filter((example) => example.page === page).length).toBeGreaterThan(1);
  });

  it.each(examples)('are taken as they are: $page, $number', ({ text }) => {
    const { name } = named.parse(load(text)).metadata;
    expect(parseEnvironmentFile({ file: `environments/${name}.yaml`, text })).toMatchObject({ name });
  });

  it('would be refused with a key that is none', () => {
    const [{ text } = { text: '' }] = examples;
    const { name } = named.parse(load(text)).metadata;
    const wrong = text.replace('sources:', 'surces:');
    expect(() => parseEnvironmentFile({ file: `environments/${name}.yaml`, text: wrong })).toThrow(/surces/);
  });
});

/** As GitHub makes it of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');

describe.each(pages)('the links of %s', (page) => {
  const links = [...textOf(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = '']) => link);

  it('lead somewhere', () => {
    for (const link of links) {
      const [file = '', anchor] = link.split('#', 2);
      const target = join(docs, file === '' ? page : file);
      expect(existsSync(target), link).toBe(true);
      if (anchor === undefined) continue;
      const headings = [...readFileSync(target, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
      expect(headings.map(anchorOf), link).toContain(anchor);
    }
  });
});
