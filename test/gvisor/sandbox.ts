import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { createInterface } from 'node:readline';

/**
 * gVisor around one program at a time: with its own kernel, without network but for itself, and on this machine's
 * files, of which it changes none.
 */
export interface Sandbox {
  /** Why nothing can be run in it; undefined: it can. */
  refusal(): Promise<string | undefined>;
  /** Runs a program, and copies what it prints. */
  run(command: readonly string[], output: NodeJS.WritableStream): Promise<{ code: number; lastLine: string }>;
}

/** Systrap needs no virtual machine, and without control groups `runsc` runs inside a container, too. */
const flags = ['--platform=systrap', '--network=none', '--ignore-cgroups'];

/**
 * @param program path of gVisor's `runsc`
 * @param folder where programs are run
 */
export function createSandbox({ program, folder }: { program: string; folder: string }): Sandbox {
  // Not what this process writes to: in a file, gVisor would begin at its start.
  const start = (command: readonly string[]) =>
    spawn(program, [...flags, 'do', ...command], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  return {
    async refusal() {
      try {
        const child = start(['true']);
        const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
        return code === 0 ? undefined : said.trim() || `runsc ended with ${code}`;
      } catch (error) {
        return String(error);
      }
    },
    async run(command, output) {
      const child = start(command);
      let lastLine = '';
      createInterface({ input: child.stdout }).on('line', (line) => {
        output.write(`${line}\n`);
        if (line.trim() !== '') lastLine = line;
      });
      child.stderr.pipe(process.stderr, { end: false });
      const [code] = await once(child, 'close');
      return { code: typeof code === 'number' ? code : 1, lastLine };
    },
  };
}
