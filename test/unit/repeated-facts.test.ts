import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { webhookHosts } from '../../shared/config/config.ts';

/*
 * Facts that stand once in the source, and that Terraform and the contracts must say again, because they cannot import it.
 */
const read = (file: string): string => readFileSync(join(import.meta.dirname, '..', '..', file), 'utf8');
const sorted = (names: readonly string[]): string[] => names.toSorted();
const namesIn = (text: string | undefined): string[] => sorted((text ?? '').match(/\w+/g) ?? []);

describe('the Git hosts whose webhooks are understood', () => {
  const variable = /^variable "webhooks" \{[^]*?^\}/m.exec(read('terraform/variables.tf'))?.[0] ?? '';

  it.each([
    ['description', /The Git hosts that call receivePush \(([^)]*)\)/],
    ['condition', /contains\(\[([^\]]*)\], host\)/],
    ['error message', /"The hosts are ([^"]*)\."/],
  ])('are those of the %s of Terraform', (_where, names) => {
    const said = names.exec(variable)?.[1]?.replace(' and ', ', ');
    expect(namesIn(said)).toEqual(sorted(webhookHosts));
  });

  it('are those of the contracts', () => {
    const [, section] = read('docs/contracts.md').split('\n### Webhooks\n');
    const hosts = [...(section?.split('\n###')[0] ?? '').matchAll(/^\| `(\w+)`/gm)].flatMap(([, host]) => host ?? []);
    expect(sorted(hosts)).toEqual(sorted(webhookHosts));
  });
});
