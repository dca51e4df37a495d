/**
 * Node's own modules, handed out without `import`. To an ES module that imports one, Node gives a namespace, for which it
 * reads every member once: those of `node:http` load the platform's fetch, 20 ms of a cold start that nobody asked for.
 */
import { isBuiltin } from 'node:module';
import type { Plugin } from 'esbuild';

/**
 * Modules of which single members are imported; the same when they are needed, apart, so that no cold start reads what is
 * imported then; and such as are required as a whole.
 */
const NAMESPACES = {
  'import-statement': 'builtin-by-member',
  'dynamic-import': 'builtin-by-member-when-needed',
  'require-call': 'builtin-whole',
} as const;

type Kind = keyof typeof NAMESPACES;

function isKind(kind: string): kind is Kind {
  return Object.hasOwn(NAMESPACES, kind);
}

export const builtinsWithoutImport: Plugin = {
  name: 'builtins-without-import',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /.*/ }, ({ path, kind }) => {
      if (!isBuiltin(path) || !isKind(kind)) return undefined;
      return { path, namespace: NAMESPACES[kind], sideEffects: false };
    });
    for (const kind of ['import-statement', 'dynamic-import'] as const) {
      onLoad({ filter: /.*/, namespace: NAMESPACES[kind] }, ({ path }) => ({ contents: byMember(path) }));
    }
    onLoad({ filter: /.*/, namespace: NAMESPACES['require-call'] }, ({ path }) => ({
      contents: `module.exports = ${builtin(path)};`,
    }));
  },
};

/** Each member is read by a call that is marked as pure, so that the bundler leaves out what nobody imports. */
function byMember(name: string): string {
  const members = Object.keys(process.getBuiltinModule(name) ?? {}).filter((member) => /^[A-Za-z_]\w*$/.test(member));
  const exported = members.map(
    (member, index) => `const m${index} = /* @__PURE__ */ read('${member}');\nexport { m${index} as ${member} };`,
  );
  return `const module = ${builtin(name)};\nconst read = (member) => module[member];\nexport default module;\n${exported.join('\n')}`;
}

function builtin(name: string): string {
  return `/* @__PURE__ */ process.getBuiltinModule(${JSON.stringify(name)})`;
}
