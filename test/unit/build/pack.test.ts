import { gunzipSync, unzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { textFile, type ArchiveFiles } from '../../../build/files.ts';
import { licenseOf } from '../../../build/go-modules.ts';
import { packTarball, packZip } from '../../../build/pack.ts';

const files: ArchiveFiles = new Map([
  ['index.mjs', textFile('one')],
  ['bin/render', { ...textFile('two'), executable: true }],
]);
const otherOrder: ArchiveFiles = new Map([...files].reverse());

describe('an archive', () => {
  it('is the same whatever the order of its files', async () => {
    expect(Buffer.compare(packZip(files), packZip(otherOrder))).toBe(0);
    expect(Buffer.compare(await packTarball(files), await packTarball(otherOrder))).toBe(0);
  });

  it('is the same in another time zone', () => {
    const [here, zone] = [packZip(files), process.env['TZ']];
    process.env['TZ'] = 'Pacific/Auckland';
    try {
      expect(Buffer.compare(packZip(files), here)).toBe(0);
    } finally {
      if (zone === undefined) delete process.env['TZ'];
      else process.env['TZ'] = zone;
    }
  });

  it('holds what it was given', async () => {
    expect(Object.keys(unzipSync(packZip(files)))).toEqual(['bin/render', 'index.mjs']);
    const tar = Buffer.from(gunzipSync(await packTarball(files))).toString('latin1');
    expect([tar.includes('package/bin/render'), tar.includes('package/index.mjs')]).toEqual([true, true]);
  });
});

describe('the licence of a Go module', () => {
  it.each([
    [
      'MIT',
      'MIT License\n\nPermission is hereby granted, free of charge, to any person\nobtaining a copy of this software',
    ],
    ['Apache-2.0', 'Apache License\n                           Version 2.0, January 2004'],
    ['BSD-2-Clause', 'Redistribution and use in source and binary forms, with or without modification'],
    ['BSD-3-Clause', 'Redistribution and use in source and binary forms\n* Neither the name of the project'],
    [
      'Apache-2.0 AND MIT',
      'Apache License, Version 2.0\n\nPermission is hereby granted, free of charge, to any person obtaining a copy',
    ],
    ['unknown', 'All rights reserved.'],
  ])('is %s by its text', (license, text) => {
    expect(licenseOf(text)).toBe(license);
  });
});
