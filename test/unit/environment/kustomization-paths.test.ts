import { describe, expect, it } from 'vitest';
import { pathsUpwards } from '../../../shared/environment/kustomization-paths.ts';

const at = (text: string): string[] => pathsUpwards({ path: 'overlays/acme/kustomization.yaml', text });

describe('what a kustomization names outside its folder', () => {
  it('is every path that goes up, however it is written, and whether or not the rest can be read', () => {
    expect(at('resources: [../../bases/web, "../shared/", own.yaml]\nbroken: [')).toEqual([
      'bases/web',
      'overlays/shared',
    ]);
    expect(at("- '../../patches/a.yaml'\n- path: ../b.yaml\n")).toEqual(['patches/a.yaml', 'overlays/b.yaml']);
    expect(at('resources: [../..]')).toEqual(['']);
    expect(at('resources: [own.yaml, ./deeper/]')).toEqual([]);
  });

  it('ends at the root of the repository', () => {
    expect(at('resources: [../../../etc/passwd, ../../..]')).toEqual([]);
  });
});
