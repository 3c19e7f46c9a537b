import { Command, Help, Option } from 'commander';
import packageFile from '../package.json' with { type: 'json' };
import { openContext } from './context.ts';
import { addAccept } from './verbs/accept.ts';
import { addAcknowledge } from './verbs/acknowledge.ts';
import { addAlerts } from './verbs/alerts.ts';
import { addCompletion } from './verbs/completion.ts';
import { addDeadLetters } from './verbs/dead-letters.ts';
import { addDemo } from './verbs/demo.ts';
import { addDiff } from './verbs/diff.ts';
import { addDoctor } from './verbs/doctor.ts';
import { addDown } from './verbs/down.ts';
import { addEvents } from './verbs/events.ts';
import { addGet } from './verbs/get.ts';
import { addHistory } from './verbs/history.ts';
import { addImport } from './verbs/import.ts';
import { addNew } from './verbs/new.ts';
import { addLogs } from './verbs/logs.ts';
import { addPlan } from './verbs/plan.ts';
import { addRbac } from './verbs/rbac.ts';
import { addReconcile } from './verbs/reconcile.ts';
import { addRedrive } from './verbs/redrive.ts';
import { addRender } from './verbs/render.ts';
import { addReport } from './verbs/report.ts';
import { addRetryUpload } from './verbs/retry-upload.ts';
import { addRevert } from './verbs/revert.ts';
import { addRollback } from './verbs/rollback.ts';
import { addStatus } from './verbs/status.ts';
import { addResume, addSuspend } from './verbs/suspend.ts';
import { addTestSink } from './verbs/test-sink.ts';
import { addTrace } from './verbs/trace.ts';
import { addUp } from './verbs/up.ts';
import { addUpload } from './verbs/upload.ts';
import { addValidate } from './verbs/validate.ts';
import { addWhy } from './verbs/why.ts';
import { exitCodes, type Surroundings } from './verbs/verb.ts';

export const realSurroundings: Omit<Surroundings, 'answer'> = { open: openContext };

/** Forms of output that one verb alone has. */
const formsOfOne: Readonly<Record<string, string>> = {
  html: 'report',
  markdown: 'report',
  sarif: 'validate',
  junit: 'validate',
};

/** Those of the whole program, with the forms of output that a verb takes. */
function optionsFor(command: Command): Option[] {
  const forms = Object.entries(formsOfOne).flatMap(([form, verb]) => (verb === command.name() ? [form] : []));
  return Object.assign(new Help(), { showGlobalOptions: true })
    .visibleGlobalOptions(command)
    .map((option) =>
      option.long === '--output'
        ? new Option(option.flags, 'for people, or for programs')
            .choices(['text', 'json', 'yaml', ...forms])
            .default('text')
        : option,
    );
}

/** An option that may be given again begins with none, which is no default that helps anybody. */
function descriptionOf(option: Option): string {
  const value: unknown = option.defaultValue;
  const isNone = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return isNone ? option.description : Help.prototype.optionDescription(option);
}

/** The command line of `converge`. Each verb is a file of `verbs/`, which loads its work when it is called. */
export function makeProgram(surroundings: Surroundings): Command {
  const program = new Command('converge')
    .description(
      'Uploads to Converge, and tells what became of it: ' +
        'from the buckets, Git and the status of the pipeline; what is in a cluster, people ask its own function.',
    )
    .option(
      '--config <file>',
      "the operator's configuration (default: CONVERGE_CONFIG, else the local pipeline that runs here)",
    )
    .addOption(
      new Option(
        '--output <form>',
        'for people, or for programs; html and markdown are for report alone, sarif and junit for validate',
      )
        .choices(['text', 'json', 'yaml', ...Object.keys(formsOfOne)])
        .default('text'),
    )
    .hook('preAction', (whole, called) => {
      const { output } = whole.opts<{ output: string }>();
      if ((formsOfOne[output] ?? called.name()) !== called.name())
        called.error(`error: ${called.name()} has no --output ${output}: there are text, json and yaml`, {
          exitCode: 2,
        });
    })
    .version(packageFile.version, '--version', 'the version of this command')
    .configureHelp({ showGlobalOptions: true, visibleGlobalOptions: optionsFor, optionDescription: descriptionOf })
    .showHelpAfterError('(converge help says more)')
    .addHelpText('after', `\n${exitCodes}`)
    .exitOverride();

  program.commandsGroup('What CI does:');
  addUpload(program, surroundings);
  addRetryUpload(program, surroundings);
  program.commandsGroup('From Git and the state:');
  addStatus(program, surroundings);
  addAlerts(program, surroundings);
  addHistory(program, surroundings);
  addTrace(program, surroundings);
  addLogs(program, surroundings);
  addReport(program, surroundings);
  program.commandsGroup('From the cluster, for people:');
  addGet(program, surroundings);
  addDiff(program, surroundings);
  addWhy(program, surroundings);
  addEvents(program, surroundings);
  addPlan(program, surroundings);
  program.commandsGroup('From files alone:');
  addRender(program, surroundings);
  addValidate(program, surroundings);
  addRbac(program, surroundings);
  addImport(program, surroundings);
  program.commandsGroup('What people do on purpose:');
  addRollback(program, surroundings);
  addReconcile(program, surroundings);
  addRevert(program, surroundings);
  addSuspend(program, surroundings);
  addResume(program, surroundings);
  addAccept(program, surroundings);
  addNew(program, surroundings);
  addAcknowledge(program, surroundings);
  addDeadLetters(program, surroundings);
  addRedrive(program, surroundings);
  addTestSink(program, surroundings);
  program.commandsGroup('On this machine:');
  addUp(program, surroundings);
  addDown(program, surroundings);
  addDemo(program, surroundings);
  program.commandsGroup('About this command:');
  addDoctor(program, surroundings);
  addCompletion(program, surroundings);
  for (const command of program.commands) {
    command.showHelpAfterError(`(converge ${command.name()} --help says more)`);
    for (const of of command.commands)
      of.showHelpAfterError(`(converge ${command.name()} ${of.name()} --help says more)`);
  }
  return program;
}
