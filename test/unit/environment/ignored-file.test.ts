import { describe, expect, it } from 'vitest';
import { ignoredBecause } from '../../../shared/environment/ignored-file.ts';
import { environmentText } from '../pipeline/ports.ts';

const text = environmentText('acme');

describe('a file that is meant as an environment file', () => {
  it.each([
    ['environments/acme.yml', text, 'is ignored: the name of an environment file ends in .yaml'],
    ['environments/acme.YAML', 'half: of one', 'is ignored: the name of an environment file ends in .yaml'],
    ['environments/eu/acme.yaml', text, 'is ignored: an environment file lies directly in environments/'],
    ['deploy/environments/acme.yaml', text, 'is ignored: an environment file lies directly in environments/'],
    ['acme.yml', text.replace('Environment', '"Environment" # ours'), /lies directly/],
  ])('is said to be ignored at %s', (path, content, why) => {
    expect(ignoredBecause({ path, text: content })).toEqual(typeof why === 'string' ? why : expect.stringMatching(why));
  });

  it.each([
    ['it is one', 'environments/acme.yaml', text],
    ['it is none', 'environments/eu/kustomization.yaml', 'kind: Kustomization\n'],
    ['it is text', 'environments/README.md', text],
    ['its kind is of another', 'manifests/a.yaml', 'apiVersion: other.dev/v1\nkind: Environment\n'],
    ['it speaks of one', 'manifests/a.yaml', '# kind: Environment\napiVersion: converge.dev/v1\n'],
    ['nobody reads that much', 'manifests/a.yaml', text + '#'.repeat(1_048_576)],
  ])('is said to be nothing where %s', (_why, path, content) => {
    expect(ignoredBecause({ path, text: content })).toBeUndefined();
  });
});
