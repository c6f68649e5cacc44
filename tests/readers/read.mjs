// Reads every table and array of a log with two libraries of browsers.
import fs from 'node:fs';
import path from 'node:path';
import * as jsfive from 'jsfive';
import h5wasm from 'h5wasm/node';

const folder = process.argv[2];
const log = path.join(folder, 'RUN.h5');
const paths = fs.readFileSync(path.join(folder, 'paths'), 'utf8').trim()
  .split('\n').map(line => line.split('\t')[0]);

function put(tool, name, values) {
  const place = path.join(folder, tool, name.replaceAll('/', '.'));
  const list = Array.from(values);
  if (typeof list[0] === 'string') {
    fs.writeFileSync(place + '.txt', list.map(it => it.replace(/\0+$/, ''))
      .join('\n'));
  } else {
    fs.writeFileSync(place + '.f8', Buffer.from(
      Float64Array.from(list, Number).buffer));
  }
}

function all(tool, version, read) {
  fs.mkdirSync(path.join(folder, tool), {recursive: true});
  fs.writeFileSync(path.join(folder, tool, 'version'), version + '\n');
  for (const it of paths) {
    try {
      for (const [name, values] of read(it)) put(tool, name, values);
    } catch (trouble) {
      console.error(tool, it, String(trouble).slice(0, 80));
    }
  }
}

function versionOf(name) {
  return JSON.parse(fs.readFileSync(
    path.join(folder, 'node_modules', name, 'package.json'))).version;
}

const bytes = fs.readFileSync(log);
const five = new jsfive.File(bytes.buffer.slice(
  bytes.byteOffset, bytes.byteOffset + bytes.length), 'RUN.h5');
all('jsfive', `jsfive ${versionOf('jsfive')}`,
  it => [[it, five.get(it).value]]);

await h5wasm.ready;
const wasm = new h5wasm.File(log, 'r');
all('h5wasm', `h5wasm ${versionOf('h5wasm')}`, it => {
  const data = wasm.get(it);
  const members = data.metadata.compound_type?.members;
  if (!members) return [[it, data.value]];
  return members.map((member, i) => [
    `${it}.${member.name}`, data.value.map(row => row[i])]);
});
