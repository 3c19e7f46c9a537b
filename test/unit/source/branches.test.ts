import { describe, expect, it } from 'vitest';
import { branchName, branchPatterns, classesOfBranch } from '../../../shared/source/branches.ts';

const classes = ['master', 'staging', 'develop', 'sandbox'];
const patterns = Object.fromEntries(
  classes.map((repositoryClass) => [repositoryClass, branchPatterns({ repositoryClass, configured: undefined })]),
);

describe('a branch', () => {
  it.each([
    ['main', ['master']],
    ['master', ['master']],
    ['release/1.2', ['staging']],
    ['hotfix/a/b', ['staging']],
    ['develop', ['develop']],
    ['feature/x', ['develop']],
    ['feature', []],
    ['mainline', []],
    ['xmain', []],
    ['release', []],
    ['PR-12', []],
  ])('%s is taken to %j', (branch, taken) => {
    expect(classesOfBranch({ branch, patterns })).toEqual(taken);
  });

  it('goes by the patterns of the configuration where there are any, letter by letter but for the star', () => {
    const configured = {
      master: branchPatterns({ repositoryClass: 'master', configured: ['prod.+(x)'] }),
      staging: ['*-rc'],
    };
    expect(classesOfBranch({ branch: 'prod.+(x)', patterns: configured })).toEqual(['master']);
    expect(classesOfBranch({ branch: 'prodd(x)', patterns: configured })).toEqual([]);
    expect(classesOfBranch({ branch: 'v1/2-rc', patterns: configured })).toEqual(['staging']);
    expect(classesOfBranch({ branch: 'main', patterns: configured })).toEqual([]);
  });

  it('of two classes is both: the caller refuses it', () => {
    expect(classesOfBranch({ branch: 'main', patterns: { a: ['*'], b: ['main'] } })).toEqual(['a', 'b']);
  });

  it('is known by its name, however it is referred to', () => {
    expect(['refs/heads/feature/x', 'origin/feature/x', 'feature/x'].map(branchName)).toEqual([
      'feature/x',
      'feature/x',
      'feature/x',
    ]);
  });
});
