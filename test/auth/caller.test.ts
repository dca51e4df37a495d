import { describe, expect, it } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { authenticate } from '../../lib/auth/caller.ts';
import type { AuthConfig } from '../../lib/config/schema.ts';

const OPEN: AuthConfig = { mode: 'none', iUnderstandThisIsOpen: true };
const SIGNED: AuthConfig = { mode: 'iam' };

function callerOf(auth: AuthConfig, signer: string | undefined) {
  const result = authenticate(auth, signer, cryptoIds);
  if (!result.ok) throw new Error(result.failure.kind);
  return result.value;
}

describe('without authentication', () => {
  it('everyone is the same anonymous caller, whoever may have signed', () => {
    expect(callerOf(OPEN, undefined).kind).toBe('anonymous');
    expect(callerOf(OPEN, 'AIDA1')).toEqual(callerOf(OPEN, undefined));
  });
});

describe('where requests are signed', () => {
  it('one signer is one caller', () => {
    expect(callerOf(SIGNED, 'AIDA1')).toEqual(callerOf(SIGNED, 'AIDA1'));
    expect(callerOf(SIGNED, 'AIDA1').kind).toBe('signed');
  });

  it('two sessions of one role are two callers', () => {
    expect(callerOf(SIGNED, 'AROA1:one').key).not.toBe(callerOf(SIGNED, 'AROA1:two').key);
  });

  it('nobody is the anonymous caller, by whatever name', () => {
    expect(callerOf(SIGNED, 'anonymous').key).not.toBe(callerOf(OPEN, undefined).key);
  });

  it('a request that nobody has signed is refused', () => {
    expect(authenticate(SIGNED, undefined, cryptoIds)).toEqual({ ok: false, failure: { kind: 'unsigned' } });
  });
});

it.each([
  [OPEN, undefined],
  [SIGNED, 'AIDA1'],
])('the key of a caller is a digest (%j)', (auth, signer) => {
  expect(callerOf(auth, signer).key).toMatch(/^[A-Za-z0-9_-]{43}$/);
});
