import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { LocalError } from '../../local/local-error.ts';
import { ensurePrograms, type Programs } from '../../local/programs.ts';
import { reportTo } from '../../local/say.ts';
import { copyWithout, projectFolder } from './copy-without.ts';
import { asJson, describeFigures, describeRound, describeRules, describeWithout } from './report.ts';
import { playRound, type Round } from './round.ts';
import { seedOf } from './scenes.ts';
import { openStage, type Stage } from './stage.ts';
import { withoutRules } from './without.ts';

const help = `Usage: npm run chaos -- [--runs N] [--seed S] [--json FILE] [--help]

Plays rounds of the whole local pipeline: faults of Storage, Git and the API server, instances that die or freeze,
wrong clocks, messages that come twice, late and out of order, damaged state; people and CI at work meanwhile. After
each, the disturbance stops, and all must come to good. Ends with code 1 where a round does not.

  --runs N      how many rounds; 20 where absent
  --seed S      of the first round, the next one has S + 1, and so on. Decides all that is chosen; where absent it is
                drawn, and with --without that of the scene that misses the rule
  --scenes      plays the scene of each round alone: what seldom happens by itself, at the line where it hurts
  --without RULE
                switches a rule of the fence off, in a copy of the sources that the functions are started from, and
                plays until a round is violated. Ends with code 0 where one is, as it should, and with 1 where none is
  --json FILE   also writes the rounds and the figures of each kind of fault as JSON

Rules:
${describeRules()}

Examples: npm run chaos -- --runs 3 --seed 17
          npm run chaos -- --without fence --scenes --runs 1
`;

interface Arguments {
  readonly runs: number;
  readonly seed: number;
  readonly isSceneOnly: boolean;
  readonly without: string | undefined;
  readonly json: string | undefined;
}

/** Throws a `TypeError` that names the argument for one that does not exist, or makes no sense. */
function readArguments(): Arguments | 'help' {
  const options = {
    runs: { type: 'string', default: '20' },
    seed: { type: 'string' },
    scenes: { type: 'boolean', default: false },
    without: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  } as const;
  const { values } = parseArgs({ options });
  if (values.help) return 'help';
  const missedBy = withoutRules[values.without ?? '']?.missedBy;
  const drawn = missedBy === undefined ? randomInt(1_000_000) : seedOf(missedBy);
  const seed = values.seed === undefined ? drawn : wholeNumber('--seed', values.seed);
  return {
    runs: wholeNumber('--runs', values.runs),
    seed,
    isSceneOnly: values.scenes,
    without: values.without,
    json: values.json,
  };
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new TypeError(`${name} is ${text}, expected a whole number`);
}

async function play(
  stage: Stage,
  { runs, seed, without, isSceneOnly, json }: Arguments,
  isOver: () => boolean,
): Promise<readonly Round[]> {
  const rounds: Round[] = [];
  for (let number = 1; number <= runs && !isOver(); number++) {
    if (process.stderr.isTTY) process.stderr.write(`round ${number} of ${runs} …\r`);
    const isLast = number === runs || without !== undefined;
    const round = await playRound(stage, seed + number - 1, { isSceneOnly, isLast });
    rounds.push(round);
    console.log(describeRound(round, { number, of: runs, without }));
    // Whatever ends this process, the rounds that were played are told.
    if (json !== undefined) await writeFile(json, asJson(rounds));
    if (without !== undefined && round.violations.length > 0) break;
  }
  return rounds;
}

async function main(): Promise<void> {
  const wanted = readArguments();
  if (wanted === 'help') return void process.stdout.write(help);
  const report = reportTo(process.stderr);
  const programs = await ensurePrograms({ report });
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (interrupted = true));
  const copy = wanted.without === undefined ? undefined : await copyWithout(wanted.without);
  try {
    await playOn({ programs, sources: copy?.folder ?? projectFolder }, wanted, () => interrupted);
  } finally {
    await copy?.remove();
  }
}

async function playOn(
  options: { programs: Programs; sources: string },
  wanted: Arguments,
  isInterrupted: () => boolean,
): Promise<void> {
  const stage = await openStage(options);
  try {
    const rounds = await play(stage, wanted, isInterrupted);
    console.log(describeFigures(rounds));
    const { without } = wanted;
    if (without !== undefined) console.log(describeWithout(rounds, without));
    const isViolated = rounds.some(({ violations }) => violations.length > 0);
    if (isInterrupted() || isViolated === (without === undefined)) process.exitCode = 1;
  } finally {
    await stage.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof TypeError || error instanceof LocalError ? error.message : error);
  process.exitCode = 1;
});
