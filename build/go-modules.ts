import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { licenseTextOf, type Library } from './packages.ts';

const execute = promisify(execFile);

/**
 * The modules that a Go program was built of, as the program itself tells (`go version -m`), and Go's own library.
 *
 * @param program its path
 * @param source the folder of its module, whose dependencies are downloaded
 */
export async function goLibraries({ program, source }: { program: string; source: string }): Promise<Library[]> {
  const { stdout } = await execute('go', ['version', '-m', program]);
  const folders = await foldersOf(source);
  const [first = '', ...lines] = stdout.trim().split('\n');
  const version = /: go(\S+)/.exec(first)?.[1];
  if (version === undefined) throw new Error(`${program} does not tell which Go built it`);
  const { stdout: goRoot } = await execute('go', ['env', 'GOROOT']);
  const standard: Library = {
    from: 'go',
    name: 'std',
    version,
    license: 'BSD-3-Clause',
    licenseText: await licenseTextOf(goRoot.trim()),
  };
  const modules = await Promise.all(
    readModules(lines).map(async ({ name, version, goSum }): Promise<Library> => {
      const folder = folders.get(name);
      if (folder === undefined)
        throw new Error(`${name} is in ${program}, and not among the dependencies of ${source}`);
      const licenseText = await licenseTextOf(folder);
      return { from: 'go', name, version, goSum, license: licenseOf(licenseText), licenseText };
    }),
  );
  return [standard, ...modules];
}

/** Lines of `dep NAME VERSION h1:SUM`, each followed by `=>` where another module stands in. */
function readModules(lines: readonly string[]): { name: string; version: string; goSum: string }[] {
  const modules: { name: string; version: string; goSum: string }[] = [];
  for (const line of lines) {
    const [word, name = '', version = '', goSum = ''] = line.trim().split('\t');
    if (word === '=>') modules.pop();
    if (word === 'dep' || word === '=>') modules.push({ name, version, goSum });
  }
  return modules;
}

async function foldersOf(source: string): Promise<ReadonlyMap<string, string>> {
  const format = '{{with .Module}}{{with .Replace}}{{.Path}}\t{{.Dir}}{{else}}{{.Path}}\t{{.Dir}}{{end}}{{end}}';
  const { stdout } = await execute('go', ['list', '-deps', '-f', format, '.'], {
    cwd: source,
    env: { ...process.env, GOOS: 'linux', CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-mod=readonly' },
    maxBuffer: 16 * 1024 * 1024,
  });
  return new Map(
    stdout
      .trim()
      .split('\n')
      .flatMap((line) => {
        const [name, folder] = line.split('\t');
        return name && folder ? [[name, join(folder)] as const] : [];
      }),
  );
}

/** The sentences that make a licence what it is, in the order in which they tell most. */
const sentences: readonly (readonly [string, RegExp])[] = [
  ['Apache-2.0', /Apache License,? Version 2\.0/i],
  ['MPL-2.0', /Mozilla Public License,? (Version|v\.?) ?2\.0/i],
  ['BSD-3-Clause', /Redistribution and use in source and binary forms.*(neither the name|names of its contributors)/i],
  ['BSD-2-Clause', /Redistribution and use in source and binary forms/i],
  ['MIT', /Permission is hereby granted, free of charge, to any person obtaining a copy/i],
  ['ISC', /Permission to use, copy, modify, and\/or distribute this software/i],
];

/** Modules do not say their licence, so it is told by its text: of several, all (`MIT AND BSD-3-Clause`). */
export function licenseOf(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  const found = sentences.filter(([, sentence]) => sentence.test(line)).map(([id]) => id);
  const plain = found.includes('BSD-3-Clause') ? found.filter((id) => id !== 'BSD-2-Clause') : found;
  return plain.length === 0 ? 'unknown' : plain.join(' AND ');
}
