import type { Push } from './push.ts';

/**
 * The configured repositories that a push is to: by one of the addresses that the host gives, however they are written;
 * where none is the same, as behind a proxy, by the `owner/name` that the configured URL ends with.
 */
export function repositoriesOf<T extends { readonly url: string }>({ push, configured }: { push: Pick<Push, 'urls' | 'fullName'>; configured: readonly T[] }): readonly T[] {
  const pushed = new Set(push.urls.flatMap((url) => placeOf(url) ?? []));
  const same = configured.filter(({ url }) => pushed.has(placeOf(url) ?? ''));
  if (same.length > 0) return same;
  const name = push.fullName?.toLowerCase();
  return name === undefined || !name.includes('/') ? [] : configured.filter(({ url }) => placeOf(url)?.endsWith(`/${name}`) === true);
}

/**
 * Host and path in small letters, without scheme, port, credentials and `.git`: what `https://`, `ssh://` and `git@host:path`
 * have in common. Data Center serves HTTP below `/scm`, and SSH not. Undefined where it is no address.
 */
function placeOf(address: string): string | undefined {
  const short = /^(?:[^@/]+@)?([^:/]+):(?!\/)(.+)$/.exec(address);
  const url = short === null ? address : `ssh://${short[1]}/${short[2]}`;
  if (!URL.canParse(url)) return undefined;
  const { hostname, pathname } = new URL(url);
  const path = pathname.toLowerCase().replace(/\/+$/, '').replace(/\.git$/, '').replace(/^\/scm\//, '/');
  return `${hostname.toLowerCase()}${path}`;
}
