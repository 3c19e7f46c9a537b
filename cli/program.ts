import { Command, Option } from 'commander';
import packageFile from '../package.json' with { type: 'json' };
import { openContext } from './context.ts';
import { addAcknowledge } from './verbs/acknowledge.ts';
import { addCompletion } from './verbs/completion.ts';
import { addDeadLetters } from './verbs/dead-letters.ts';
import { addDemo } from './verbs/demo.ts';
import { addDoctor } from './verbs/doctor.ts';
import { addDown } from './verbs/down.ts';
import { addHistory } from './verbs/history.ts';
import { addRbac } from './verbs/rbac.ts';
import { addRedrive } from './verbs/redrive.ts';
import { addReport } from './verbs/report.ts';
import { addRetryUpload } from './verbs/retry-upload.ts';
import { addRollback } from './verbs/rollback.ts';
import { addStatus } from './verbs/status.ts';
import { addTrace } from './verbs/trace.ts';
import { addUp } from './verbs/up.ts';
import { addUpload } from './verbs/upload.ts';
import { exitCodes, type Surroundings } from './verbs/verb.ts';

export const realSurroundings: Omit<Surroundings, 'answer'> = { open: openContext };

/** The command line of `converge`. Each verb is a file of `verbs/`, which loads its work when it is called. */
export function makeProgram(surroundings: Surroundings): Command {
  const program = new Command('converge')
    .description(
      'Uploads to Converge, and tells what became of it: ' +
        'from the buckets, Git and the status of the pipeline, never from a cluster.',
    )
    .option(
      '--config <file>',
      "the operator's configuration (default: CONVERGE_CONFIG, else the local pipeline that runs here)",
    )
    .addOption(
      new Option('--output <form>', 'for people, or for programs; html and markdown are for report alone')
        .choices(['text', 'json', 'yaml', 'html', 'markdown'])
        .default('text'),
    )
    .hook('preAction', (whole, called) => {
      const { output } = whole.opts<{ output: string }>();
      if (['html', 'markdown'].includes(output) && called.name() !== 'report')
        called.error(`error: ${called.name()} has no --output ${output}: there are text, json and yaml`, {
          exitCode: 2,
        });
    })
    .version(packageFile.version, '--version', 'the version of this command')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(converge --help says more)')
    .addHelpText('after', `\n${exitCodes}`)
    .exitOverride();

  program.commandsGroup('What CI does:');
  addUpload(program, surroundings);
  addRetryUpload(program, surroundings);
  program.commandsGroup('From Git and the state:');
  addStatus(program, surroundings);
  addHistory(program, surroundings);
  addTrace(program, surroundings);
  addReport(program, surroundings);
  program.commandsGroup('From files alone:');
  addRbac(program, surroundings);
  program.commandsGroup('What people do on purpose:');
  addRollback(program, surroundings);
  addAcknowledge(program, surroundings);
  addDeadLetters(program, surroundings);
  addRedrive(program, surroundings);
  program.commandsGroup('On this machine:');
  addUp(program, surroundings);
  addDown(program, surroundings);
  addDemo(program, surroundings);
  program.commandsGroup('About this command:');
  addDoctor(program, surroundings);
  addCompletion(program, surroundings);
  for (const command of program.commands) command.showHelpAfterError(`(converge ${command.name()} --help says more)`);
  return program;
}
