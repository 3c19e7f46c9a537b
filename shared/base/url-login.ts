/** Whether a URL holds a user or a password. By SSH, whose user is nobody's secret, only a password counts. */
export function holdsLogin(url: URL): boolean {
  return url.password !== '' || (url.username !== '' && url.protocol !== 'ssh:');
}
