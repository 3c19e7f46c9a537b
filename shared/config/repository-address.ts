/**
 * The address of a repository as it may be shown, and compared: without user, password, query and fragment, the host in
 * small letters, without the port that goes without saying, `.git` and a slash at its end. `git@host:path` loses its
 * user; what is no address stays as it is.
 */
export function repositoryAddress(text: string): string {
  const short = /^[^@/:]+@([^:/]+):(?!\/)(.+)$/.exec(text);
  if (short !== null) return `${(short[1] ?? '').toLowerCase()}:${withoutEnding(short[2] ?? '')}`;
  if (!text.includes('://') || !URL.canParse(text)) return withoutEnding(text);
  const { protocol, host, pathname } = new URL(text);
  return host === ''
    ? withoutEnding(`${protocol}//${pathname}`)
    : withoutEnding(`${protocol}//${host.toLowerCase()}${pathname}`);
}

/** A repository's URL without user and password, for messages and links. */
export function withoutCredentials(url: string): string {
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  return parsed.href;
}

function withoutEnding(address: string): string {
  return address.replace(/\/+$/, '').replace(/\.git$/, '');
}
