import { describe, expect, it } from 'vitest';
import { repositoryAddress } from '../../../shared/config/repository-address.ts';

describe('the address of a repository', () => {
  it.each([
    ['https://git.example.com/acme/master.git', 'https://git.example.com/acme/master'],
    ['https://converge:secret@Git.Example.com:443/acme/master.git?token=x#y', 'https://git.example.com/acme/master'],
    ['https://x-token@git.example.com:8443/acme/master/', 'https://git.example.com:8443/acme/master'],
    ['ssh://git@git.example.com/acme/master.git', 'ssh://git.example.com/acme/master'],
    ['git@git.example.com:acme/master.git', 'git.example.com:acme/master'],
    ['file:///srv/git/master.git', 'file:///srv/git/master'],
    ['/srv/git/master.git', '/srv/git/master'],
  ])('%s is %s', (url, address) => {
    expect(repositoryAddress(url)).toBe(address);
    expect(repositoryAddress(address)).toBe(address);
  });

  it('tells paths apart by their letters, and hosts by their ports', () => {
    expect(repositoryAddress('https://a.example.com/x')).not.toBe(repositoryAddress('https://a.example.com/X'));
    expect(repositoryAddress('http://localhost:1/x')).not.toBe(repositoryAddress('http://localhost:2/x'));
  });
});
