import { Enums, Models, Serialize, Spec, SPDX } from '@cyclonedx/cyclonedx-library';
import { textFile, type ArchiveFile } from './files.ts';
import type { Library } from './packages.ts';

/**
 * A CycloneDX 1.6 document of the libraries whose code is inside. It has neither a serial number nor a time: the same
 * content gives the same document.
 */
export function billOfMaterials({
  name,
  version,
  libraries,
}: {
  name: string;
  version: string;
  libraries: readonly Library[];
}): ArchiveFile {
  const bom = new Models.Bom();
  const component = new Models.Component(Enums.ComponentType.Application, name, {
    version,
    bomRef: `${name}@${version}`,
  });
  component.licenses.add(new Models.SpdxLicense('Apache-2.0'));
  bom.metadata.component = component;
  for (const library of libraries) {
    const inside = componentOf(library);
    bom.components.add(inside);
    component.dependencies.add(inside.bomRef);
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return textFile(`${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`);
}

function componentOf({ from, name, version, license, sha512, goSum }: Library): Models.Component {
  const [, group, short = name] = from === 'npm' ? (/^(@[^/]+)\/(.+)$/.exec(name) ?? []) : [];
  const purl = packageUrl({ from, name, version });
  const component = new Models.Component(Enums.ComponentType.Library, short, {
    version,
    purl,
    bomRef: purl,
    ...(group === undefined ? {} : { group }),
  });
  component.licenses.add(licenseModel(license));
  if (sha512 !== undefined) component.hashes.set(Enums.HashAlgorithm['SHA-512'], sha512);
  if (goSum !== undefined) component.properties.add(new Models.Property('converge:go.sum', goSum));
  return component;
}

function licenseModel(license: string): Models.License {
  if (SPDX.isSupportedSpdxId(license)) return new Models.SpdxLicense(license);
  return / (AND|OR|WITH) /.test(license) ? new Models.LicenseExpression(license) : new Models.NamedLicense(license);
}

/** https://github.com/package-url/purl-spec */
function packageUrl({ from, name, version }: Pick<Library, 'from' | 'name' | 'version'>): string {
  const type = from === 'npm' ? 'npm' : 'golang';
  return `pkg:${type}/${name.split('/').map(encodeURIComponent).join('/')}@${encodeURIComponent(version)}`;
}

/** Every library with its licence and its notices, which their licences ask to be handed on. */
export function licenses(libraries: readonly Library[]): ArchiveFile {
  const title = 'Converge contains these libraries, each under its own licence.';
  return textFile(
    [
      title,
      ...libraries.map(
        ({ name, version, license, licenseText }) =>
          `${'='.repeat(80)}\n${name} ${version} (${license})\n\n${licenseText}`,
      ),
    ].join('\n\n') + '\n',
  );
}
