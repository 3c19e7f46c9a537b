import { readSecretFile, unusableSecret } from '../secret-file.ts';

/**
 * A token or a key that is one word of visible ASCII. Throws `SecretUnavailable` (retry), also for a file that holds
 * anything else, which is told nowhere: `fetch` would quote it.
 */
export async function readToken({ file, what }: { file: string; what: string }): Promise<string> {
  const text = (await readSecretFile(file)).trim();
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw unusableSecret({
    subject: file,
    message: `holds no ${what}`,
    remedy: `put the ${what}, and nothing else, into its secret`,
  });
}

export interface Address {
  readonly url: string;
  /** Empty, or the header that its user and password come to: `fetch` takes no URL with them, and would tell it. */
  readonly login: Readonly<Record<string, string>>;
}

/** The URL that a file holds. Throws `SecretUnavailable` (retry), also for a file that holds none, which is told nowhere. */
export async function readAddress({ file, sink }: { file: string; sink: string }): Promise<Address> {
  const address = parseAddress((await readSecretFile(file)).trim());
  if (address !== undefined) return address;
  // Not `fetch`, which would tell the text.
  throw unusableSecret({
    subject: file,
    message: `holds no URL for alert sink ${sink}`,
    remedy: 'put the URL, and nothing else, into its secret',
  });
}

/** Undefined for what is no URL that can be posted to. */
function parseAddress(text: string): Address | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  if (url.username === '' && url.password === '') return { url: text, login: {} };
  const login = loginOf(url);
  if (login === undefined) return undefined;
  [url.username, url.password] = ['', ''];
  return { url: url.href, login };
}

/** https://www.rfc-editor.org/rfc/rfc7617 */
function loginOf({ username, password }: URL): Address['login'] | undefined {
  try {
    const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return { authorization: `Basic ${Buffer.from(login).toString('base64')}` };
  } catch {
    return undefined;
  }
}
