import type { Push } from './push.ts';

/**
 * The configured repositories that a push is to: by one of the addresses that the host gives, however they are written,
 * and that is the configured one or one of its aliases; where it gives none, by the `owner/name` that is the path of
 * the configured URL.
 */
export function repositoriesOf<T extends { readonly url: string; readonly aliases?: readonly string[] | undefined }>({
  push,
  configured,
}: {
  push: Pick<Push, 'urls' | 'fullName'>;
  configured: readonly T[];
}): readonly T[] {
  const pushed = new Set(push.urls.flatMap((url) => placeOf(url) ?? []));
  const same = configured.filter(({ url, aliases = [] }) =>
    [url, ...aliases].some((address) => pushed.has(placeOf(address) ?? '')),
  );
  if (same.length > 0) return same;
  // A repository of another host may be called alike.
  if (pushed.size > 0) return [];
  const name = push.fullName?.toLowerCase();
  return name === undefined || !name.includes('/')
    ? []
    : configured.filter(({ url }) => placeOf(url)?.replace(/^[^/]+/, '') === `/${name}`);
}

/**
 * Host and path in small letters, without scheme, port, credentials and `.git`: what `https://`, `ssh://` and
 * `git@host:path` have in common. Data Center serves HTTP below `/scm`, and SSH not. Undefined where it is no address.
 */
function placeOf(address: string): string | undefined {
  const short = /^(?:[^@/]+@)?([^:/]+):(?!\/)(.+)$/.exec(address);
  const url = short === null ? address : `ssh://${short[1]}/${short[2]}`;
  if (!URL.canParse(url)) return undefined;
  const { hostname, pathname } = new URL(url);
  const path = pathname
    .toLowerCase()
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
    .replace(/^\/scm\//, '/');
  return `${hostname.toLowerCase()}${path}`;
}
