import { expect, test } from 'vitest';
import { runProgram } from './program.ts';

const NODE = process.execPath;

test('a program is run to its end, and what it printed is kept', async () => {
  const program = 'console.log("out", process.env.WORD); console.error("err"); process.exitCode = 3;';
  const ended = await runProgram([NODE, '-e', program], { limitMs: 60_000, variables: { WORD: 'hé' } });
  expect(ended).toEqual({ stdout: 'out hé\n', stderr: 'err\n', ending: 'exit 3' });
});

test('a program that does not end is killed, and said to be', async () => {
  const ended = await runProgram([NODE, '-e', 'setInterval(() => {}, 1000)'], { limitMs: 200 });
  expect(ended.ending).toBe('was killed after 0.2 s');
});

test('a program that does not exist has ended without having run', async () => {
  const ended = await runProgram(['/nowhere/program'], { limitMs: 60_000 });
  expect(ended).toEqual({ stdout: '', stderr: '', ending: 'cannot be started: spawn /nowhere/program ENOENT' });
});
