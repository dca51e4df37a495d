import { expect, test } from 'vitest';
import { toolchainFor } from './go-toolchain.ts';

const GO_MOD = 'module sluice/interop\n\ngo 1.25.0\n\nrequire example.org/go v1.8.0\n';

test.for([
  ['go version go1.19.8 linux/amd64', 'golang.org/toolchain@v0.0.1-go1.25.0.linux-amd64'],
  ['go version go1.24.13 linux/arm64', 'golang.org/toolchain@v0.0.1-go1.25.0.linux-arm64'],
  ['go version go1.9 darwin/arm64', 'golang.org/toolchain@v0.0.1-go1.25.0.darwin-arm64'],
])('a Go that is too old gets its successor for the same machine: %s', ([versionLine, toolchain]) => {
  expect(toolchainFor(GO_MOD, versionLine!)).toBe(toolchain);
});

test.for([
  'go version go1.25.0 linux/amd64',
  'go version go1.25.7 linux/amd64',
  'go version go1.26.8 linux/amd64',
  'go version go2.0.0 linux/amd64',
  'go version go1.27-devel_5e0d2ac Tue Sep 1 07:24:11 2026 -0700 X:fieldtrack linux/amd64',
])('a Go that is new enough is used itself: %s', (versionLine) => {
  expect(toolchainFor(GO_MOD, versionLine)).toBeUndefined();
});

test('a Go that does not say what it is does not pass for an old one', () => {
  expect(() => toolchainFor(GO_MOD, 'gccgo (Debian 12.2.0-14) 12.2.0')).toThrow(
    'Go names no version that is understood: gccgo (Debian 12.2.0-14) 12.2.0',
  );
});
