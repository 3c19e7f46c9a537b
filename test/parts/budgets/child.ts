import { readFileSync, writeFileSync } from 'node:fs';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { drawFrom } from '../../seeded-draw.ts';
import { kinds, type Kind } from './cases.ts';

/**
 * `node child.ts KIND FROM TO`: makes the inputs of these seeds, and prints the worst of reading them as JSON:
 * milliseconds of processor, the most memory above what the process held before, in MB, and what was neither read nor
 * refused.
 */
const [name = '', from = '0', to = '0'] = process.argv.slice(2);
const kind = (Object.keys(kinds) as Kind[]).find((one) => one === name);
if (kind === undefined) throw new Error(`no kind is named ${name}`);

const memory = (key: string): number =>
  Number(new RegExp(`^${key}:\\s*(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024;

const worst = { milliseconds: 0, seedOfTime: 0, megabytes: 0, seedOfMemory: 0, unforeseen: [] as string[], refused: 0 };
for (let seed = Number(from); seed < Number(to); seed++) {
  const read = kinds[kind](drawFrom(Math.imul(seed + 1, 0x9e3779b1)));
  // What the inputs before left takes longer to collect than most are read.
  if (seed % 16 === 0) globalThis.gc?.();
  const before = memory('VmRSS');
  // Forgets the peak so far (proc(5)); without it the peak of the whole process counts.
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Not on Linux.
  }
  const started = process.cpuUsage();
  try {
    await read();
  } catch (error) {
    if (error instanceof ConvergeError && error.disposition === 'refuse' && error.message.length < 20_000)
      worst.refused += 1;
    else
      worst.unforeseen.push(
        `seed ${seed}: ${error instanceof Error ? `${error.name}: ${error.message.slice(0, 300)}` : String(error)}`,
      );
  }
  const { user, system } = process.cpuUsage(started);
  const milliseconds = (user + system) / 1000;
  const megabytes = memory('VmHWM') - before;
  if (milliseconds > worst.milliseconds) Object.assign(worst, { milliseconds, seedOfTime: seed });
  if (megabytes > worst.megabytes) Object.assign(worst, { megabytes, seedOfMemory: seed });
}
console.log(JSON.stringify(worst));
