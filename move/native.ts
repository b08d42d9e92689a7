/**
 * The child process in which Move code is compiled and run: `node native.ts build|test|coverage|abi DIRECTORY [FILTER]`.
 *
 * Compiler, virtual machine and test runner are native code (the libraries of `@initia/builder.js`, bound by
 * koffi) that writes straight to the streams of its process and may end it, so it gets a process of its own.
 * Exit code 0: done. Anything else: the diagnostics stand on the streams.
 *
 * `build` compiles sources and tests, and checks entry, view and event declarations. `test` runs the tests;
 * `coverage` does too and records every instruction, which takes many times as long. `abi` compiles without tests and prints the interfaces of the package's modules as JSON.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { bcs } from '@mysten/bcs';
import koffi from 'koffi';

const PLATFORMS: Readonly<Record<string, string>> = {
  'linux-x64': '.x86_64.so',
  'linux-arm64': '.aarch64.so',
  'darwin-x64': '.dylib',
  'darwin-arm64': '.dylib',
};

/** Buffers across the boundary: the shapes that the library's C interface declares. */
koffi.struct('ByteView', { is_nil: 'bool', ptr: 'void*', len: 'size_t' });
koffi.struct('ByteVector', { is_none: 'bool', ptr: 'void*', len: 'size_t', cap: 'size_t' });

interface ByteVector {
  is_none: boolean;
  ptr: unknown;
  len: number | bigint;
  cap: number | bigint;
}

const text = bcs.option(bcs.string());
const BuildArguments = bcs.struct('BuildArguments', {
  package_path: text,
  verbose: bcs.bool(),
  dev_mode: bcs.bool(),
  test_mode: bcs.bool(),
  generate_docs: bcs.bool(),
  generate_abis: bcs.bool(),
  install_dir: text,
  force_recompilation: bcs.bool(),
  fetch_deps_only: bcs.bool(),
  skip_fetch_latest_git_deps: bcs.bool(),
  bytecode_version: bcs.u32(),
  compiler_version: bcs.string(),
  language_version: bcs.string(),
  additional_named_addresses: bcs.vector(bcs.tuple([bcs.string(), bcs.bytes(32)])),
});
const TestOptions = bcs.struct('TestOptions', {
  filter: text,
  report_statistics: bcs.bool(),
  report_storage_on_error: bcs.bool(),
  ignore_compile_warnings: bcs.bool(),
  compute_coverage: bcs.bool(),
});

function libraryPath(name: string): string {
  const ending = PLATFORMS[`${process.platform}-${process.arch}`];
  if (ending === undefined) throw new Error(`there is no Move compiler for ${process.platform}-${process.arch}`);
  const manifest = createRequire(import.meta.url).resolve('@initia/builder.js/package.json');
  return join(dirname(manifest), 'library', `${name}${ending}`);
}

function viewOf(bytes: Uint8Array): object {
  const buffer = Buffer.from(bytes);
  return { is_nil: false, ptr: buffer, len: buffer.length };
}

function buildArguments(directory: string, testMode: boolean): object {
  const bytes = BuildArguments.serialize({
    package_path: directory,
    verbose: false,
    dev_mode: true,
    test_mode: testMode,
    generate_docs: false,
    generate_abis: false,
    install_dir: '',
    force_recompilation: false,
    fetch_deps_only: false,
    skip_fetch_latest_git_deps: true,
    bytecode_version: 7,
    compiler_version: '2.1',
    language_version: '2.1',
    additional_named_addresses: [],
  }).toBytes();
  return viewOf(bytes);
}

function textOf(vector: ByteVector): string {
  return String(koffi.decode(vector.ptr, koffi.array('char', Number(vector.len), 'String')));
}

/** Calls into the library; throws what it reports as an error. */
function call(invoke: (error: ByteVector) => ByteVector): ByteVector {
  const error: ByteVector = { is_none: true, ptr: null, len: 0, cap: 0 };
  const answer = invoke(error);
  if (!error.is_none) throw new Error(textOf(error));
  return answer;
}

function build(directory: string, testMode: boolean): void {
  const run = koffi.load(libraryPath('libcompiler')).func('ByteVector build_move_package(_Inout_ ByteVector* error, ByteView payload)');
  call((error) => run(error, buildArguments(directory, testMode)));
}

function test(directory: string, filter: string, coverage: boolean): void {
  const run = koffi
    .load(libraryPath('libcompiler'))
    .func('ByteVector test_move_package(_Inout_ ByteVector* error, ByteView payload, ByteView options)');
  const options = TestOptions.serialize({
    filter,
    report_statistics: false,
    report_storage_on_error: false,
    ignore_compile_warnings: true,
    compute_coverage: coverage,
  }).toBytes();
  call((error) => run(error, buildArguments(directory, true), viewOf(options)));
}

/** The interfaces of the package's own modules, by module name. */
function printAbi(directory: string): void {
  build(directory, false);
  const decode = koffi.load(libraryPath('libmovevm')).func('ByteVector decode_module_bytes(_Inout_ ByteVector* error, ByteView bytes)');
  const modules = join(directory, 'build', 'Capp', 'bytecode_modules');
  const abi = Object.fromEntries(
    readdirSync(modules)
      .filter((name) => name.endsWith('.mv'))
      .toSorted()
      .map((name) => {
        const bytes = viewOf(readFileSync(join(modules, name)));
        return [name.slice(0, -'.mv'.length), JSON.parse(textOf(call((error) => decode(error, bytes)))) as unknown];
      }),
  );
  process.stdout.write(`\n${JSON.stringify(abi)}\n`);
}

const [mode, directory = '', filter = ''] = process.argv.slice(2);
try {
  if (mode === 'build') build(directory, true);
  else if (mode === 'test' || mode === 'coverage') test(directory, filter, mode === 'coverage');
  else if (mode === 'abi') printAbi(directory);
  else throw new Error('native.ts build|test|coverage|abi DIRECTORY [FILTER]');
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
