import { spawn } from 'node:child_process';

/** What opens a file with the program that is meant for it, on each system. */
export function openerOf(platform: NodeJS.Platform, file: string): readonly [command: string, ...args: string[]] {
  switch (platform) {
    case 'darwin':
      return ['open', file];
    case 'win32':
      return ['rundll32', 'url.dll,FileProtocolHandler', file];
    default:
      return ['xdg-open', file];
  }
}

/** Whether something was started that opens the file; it goes on when the command has ended. */
export async function openFile(
  file: string,
  { platform, environment }: { platform: NodeJS.Platform; environment: Readonly<Record<string, string | undefined>> },
): Promise<boolean> {
  const [command, ...args] = openerOf(platform, file);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const opener = spawn(command, args, { detached: true, stdio: 'ignore', env: { ...environment } });
  opener.once('error', () => resolve(false)).once('spawn', () => resolve(true));
  opener.unref();
  return await promise;
}
